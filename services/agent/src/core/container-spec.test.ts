import type { DeepPartial } from '@berth/shared/gen/berth/v1/store';
import { Assignment } from '@berth/shared/gen/berth/v1/store';
import { describe, expect, it } from 'vitest';
import {
  type ContainerSpec,
  containerSpec,
  type HostSettings,
  hasAddress,
  imageReference,
} from './container-spec.js';

const host: HostSettings = {
  cell: 'c',
  agentId: 'a',
  cpuMillis: 2000,
  network: 'bridge',
  portBind: '127.0.0.1',
};
const digest = `sha256:${'0'.repeat(64)}`;

function assignment(changes: DeepPartial<Assignment> = {}): Assignment {
  return Assignment.fromPartial({
    taskId: 'job-1.3-2',
    jobId: 'job-1',
    container: { image: { name: 'app:1' }, env: { GREETING: 'hello' } },
    resources: { cpuMillis: 500, memoryMb: 64 },
    ...changes,
  });
}

function spec(
  changes: DeepPartial<Assignment['container']> = {},
  settings: Partial<HostSettings> = {},
): ContainerSpec {
  const result = containerSpec(assignment({ container: { image: { name: 'app:1' }, ...changes } }), {
    ...host,
    ...settings,
  });
  if (!result.ok) throw new Error(result.problems.join());
  return result.spec;
}

describe('the container of an assignment', () => {
  it('gets the GPUs of its task, and their numbers', () => {
    const given = assignment({ taskContext: { 'task.gpus': '0,3' } });
    expect(containerSpec(given, { ...host, passesGpus: true })).toMatchObject({
      spec: { gpus: ['0', '3'], env: { BERTH_TASK_GPUS: '0,3', NVIDIA_VISIBLE_DEVICES: '0,3' } },
    });
    const result = containerSpec(given, host);
    expect(result.ok && result.spec.gpus).toBeUndefined();
    expect(result).toMatchObject({ spec: { env: { BERTH_TASK_GPUS: '0,3' } } });
  });

  it('has a file for results, and its path, only if the results are collected', () => {
    const collected = containerSpec(assignment({ collectsResults: true }), host);
    expect(collected).toMatchObject({ spec: { hasResults: true, env: { BERTH_RESULTS: '/berth/results' } } });
    expect(spec().hasResults).toBeUndefined();
    expect(spec().env).not.toHaveProperty('BERTH_RESULTS');
  });

  it('carries the task’s id, its labels, its limits and its command', () => {
    const container = {
      image: { name: 'app:1' },
      entryPoint: ['/bin/run'],
      command: ['--fast'],
      env: { A: 'b' },
    };
    const result = containerSpec(assignment({ container, taskContext: { 'task.index': '3' } }), host);
    expect(result).toEqual({
      ok: true,
      spec: {
        name: 'job-1.3-2',
        image: 'app:1',
        entryPoint: ['/bin/run'],
        command: ['--fast'],
        env: {
          A: 'b',
          BERTH_TASK_ID: 'job-1.3-2',
          BERTH_JOB_ID: 'job-1',
          BERTH_TASK_INDEX: '3',
          BERTH_AGENT_ID: 'a',
        },
        labels: { 'berth.cell': 'c', 'berth.agent': 'a', 'berth.task': 'job-1.3-2', 'berth.job': 'job-1' },
        cpuMillis: 500,
        memoryMb: 64,
        diskMb: 0,
        pidsLimit: 0,
        stopTimeoutMs: 0,
        network: 'bridge',
        ports: [],
        portBind: '127.0.0.1',
        init: true,
        security: {
          securityGroups: [],
          addedCapabilities: [],
          droppedCapabilities: [],
          readOnlyRootfs: false,
          privileged: false,
        },
      },
    });
  });

  it('carries role, security groups and parameters as labels, the first two also as environment', () => {
    const { labels, env, security } = spec({
      securityProfile: { iamRole: 'app', securityGroups: 'sg-1,sg-2', user: '1000', capabilities: '-CHOWN' },
      parameters: { retention: '7d' },
      env: { BERTH_IAM_ROLE: 'root' },
    });
    expect(labels).toMatchObject({
      'berth.iamRole': 'app',
      'berth.securityGroups': 'sg-1,sg-2',
      'berth.parameter.retention': '7d',
    });
    expect(env).toMatchObject({ BERTH_IAM_ROLE: 'app', BERTH_SECURITY_GROUPS: 'sg-1,sg-2' });
    expect(security).toMatchObject({ user: '1000', droppedCapabilities: ['CHOWN'] });
  });

  it('is privileged only if the operator allows it', () => {
    const container = { image: { name: 'app:1' }, securityProfile: { privileged: 'true' } };
    expect(containerSpec(assignment({ container }), host)).toEqual({
      ok: false,
      problems: ['securityProfile.privileged: the operator of this agent allows no privileged containers'],
    });
    expect(containerSpec(assignment({ container }), { ...host, allowsPrivileged: true })).toMatchObject({
      spec: { security: { privileged: true } },
    });
  });

  it('has an address of its own if it asks for one', () => {
    for (const resources of [{ allocateIP: 'true' }, { eni: '1' }])
      expect(spec({ resources }, { network: 'host' }).network).toBe('bridge');
    for (const resources of [{ allocateIP: 'false' }, { eni: '0' }])
      expect(spec({ resources }, { network: 'host' }).network).toBe('host');
    const container = { image: { name: 'a' }, resources: { eni: '1' }, parameters: { network: 'host' } };
    expect(containerSpec(assignment({ container }), host)).toMatchObject({ ok: false });
  });

  it('takes the index from the task’s id if the context has none', () => {
    expect(spec().env.BERTH_TASK_INDEX).toBe('3');
  });

  it('does not let a job’s environment replace the task’s id', () => {
    expect(spec({ env: { BERTH_TASK_ID: 'mine' } }).env.BERTH_TASK_ID).toBe('job-1.3-2');
  });

  it('asks for no more processors than the host has, and for no less than an engine accepts', () => {
    const limit = (cpuMillis: number) => {
      const result = containerSpec(assignment({ resources: { cpuMillis } }), host);
      return result.ok ? result.spec.cpuMillis : undefined;
    };
    expect(limit(16_000)).toBe(2000);
    expect(limit(1)).toBe(10);
    expect(limit(0)).toBe(0);
  });

  const onHost = { allowsHostNetwork: true };

  it('uses the network that it asks for, or the host’s usual one', () => {
    expect(spec({ parameters: { network: 'none' } }).network).toBe('none');
    expect(spec({ parameters: { network: 'host' } }, onHost).network).toBe('host');
    const asking = { image: { name: 'app:1' }, parameters: { network: 'host' } };
    expect(containerSpec(assignment({ container: asking }), host)).toMatchObject({ ok: false });
    expect(spec({}, { network: 'host' }).network).toBe('host');
    expect(spec({}, { network: 'none' }).network).toBe('none');
  });

  it('gets a network for its ports even if containers usually have none', () => {
    expect(spec({ resources: { ports: '8080, 9090' } }, { network: 'none' })).toMatchObject({
      network: 'bridge',
      ports: [
        { port: 8080, protocol: 'tcp' },
        { port: 9090, protocol: 'tcp' },
      ],
    });
  });

  it('has an init process unless it asks for none', () => {
    expect(spec({ parameters: { init: 'false' } }).init).toBe(false);
    expect(spec({ parameters: { init: 'true' } }).init).toBe(true);
  });

  it('lists all problems at once', () => {
    const parameters = { network: 'mesh', init: 'maybe' };
    const result = containerSpec(assignment({ container: { parameters } }), host);
    expect(result).toEqual({
      ok: false,
      problems: [
        'image: neither a name nor an id is given',
        'parameters["network"]: is "mesh", but must be none, bridge, host',
        'parameters["init"]: is "maybe", but must be true or false',
      ],
    });
  });

  it('refuses ports without a network', () => {
    const container = { image: { name: 'app' }, parameters: { network: 'none' }, resources: { ports: '80' } };
    expect(containerSpec(assignment({ container }), host)).toMatchObject({ ok: false });
  });

  it('has an address on a bridge, and on the host’s network only for its ports', () => {
    expect(hasAddress(spec())).toBe(true);
    expect(hasAddress(spec({ parameters: { network: 'none' } }))).toBe(false);
    expect(hasAddress(spec({ parameters: { network: 'host' } }, onHost))).toBe(false);
    expect(hasAddress(spec({ parameters: { network: 'host' }, resources: { ports: '80' } }, onHost))).toBe(
      true,
    );
  });
});

describe('the reference of an image', () => {
  it.each([
    [{ name: 'app:1' }, 'app:1'],
    [{ imageId: digest }, digest],
    [{ imageId: 'app:2', name: 'app:1' }, 'app:2'],
    [{ imageId: digest, name: 'app:1' }, `app@${digest}`],
    [{ imageId: digest, name: 'app' }, `app@${digest}`],
    [{ imageId: digest, name: 'registry:5000/team/app:1' }, `registry:5000/team/app@${digest}`],
    [{ imageId: digest, name: 'registry:5000/team/app' }, `registry:5000/team/app@${digest}`],
    [{ imageId: digest, name: `app@${digest}` }, `app@${digest}`],
  ])('of %o is %s', (image, reference) => {
    expect(imageReference({ imageId: '', name: '', ...image })).toBe(reference);
  });

  it('is unknown without a name or an id', () => {
    expect(imageReference(undefined)).toBeUndefined();
    expect(imageReference({ imageId: '', name: '' })).toBeUndefined();
  });
});
