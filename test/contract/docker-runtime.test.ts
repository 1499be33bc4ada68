import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ContainerSpec } from '@berth/agent/container-spec';
import type { RuntimeEvent } from '@berth/agent/runtime';
import { DockerRuntime } from '@berth/agent/runtime/docker';
import { parseSecurityProfile } from '@berth/shared/model/job/security-profile';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { breakableSocket } from '../support/engine/breakable-socket.js';
import { skipDockerTests, testDockerHost, testImage } from '../support/engine/docker.js';
import { waitFor } from '../support/process/wait-for.js';
import { type EmptyRegistry, startEmptyRegistry } from '../support/registry/empty-registry.js';
import { clear, endsWith, runtimeContract, specFor, testCell, writes } from './runtime-contract.js';

/** An HTTP server with one page. */
async function startPage(text: string): Promise<{ readonly port: number; close(): Promise<void> }> {
  const server = createHttpServer((_, response) => response.end(text));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, close };
}

describe.skipIf(skipDockerTests !== false)('the Docker runtime', () => {
  const agentId = `agent-${randomUUID()}`;
  let runtime: DockerRuntime;
  let registry: EmptyRegistry;
  const open = (agent: string, dockerHost = testDockerHost, procDirectory = '/proc') =>
    new DockerRuntime({ cell: testCell, agentId: agent, dockerHost, procDirectory });
  const spec = (changes: Partial<ContainerSpec> = {}) => specFor(testImage, agentId, changes);

  beforeAll(async () => {
    registry = await startEmptyRegistry();
    runtime = open(agentId);
  });
  afterAll(async () => {
    await clear(runtime);
    await runtime.close();
    await registry.close();
  });

  runtimeContract(async () => ({
    image: testImage,
    missingImage: `${registry.host}/no/image:1`,
    open: (agent) => open(agent),
    close: async () => undefined,
  }));

  it('reads the same figures from the kernel’s files as from the engine', async () => {
    const restingCpuMs = 20;
    const byEngine = open(agentId, testDockerHost, '/nowhere');
    const made = spec({
      network: 'bridge',
      command: ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=1M count=2000; sleep 600'],
    });
    await runtime.create(made);
    await runtime.start(made.name);
    const look = async (one: DockerRuntime) => {
      const [usage] = await one.sample([made.name]);
      if (usage === undefined) throw new Error('nothing is reported');
      return usage;
    };
    // Memory is the same once nothing moves any more. Counters may grow between the readings: the init
    // process wakes each second, and a bridge always has some traffic.
    const [first, engines, own] = await waitFor(
      async () => {
        const [first, reported, last] = [await look(runtime), await look(byEngine), await look(runtime)];
        const hasWorked = first.cpuMs > 0 && last.cpuMs - first.cpuMs < restingCpuMs;
        return hasWorked && first.memoryBytes === last.memoryBytes && ([first, reported, last] as const);
      },
      { what: 'the container rests' },
    );
    const { readAtMs: _own, network: _after, ...ownFigures } = own;
    const { readAtMs: _engines, network: reported, ...enginesFigures } = engines;
    expect({ ...ownFigures, cpuMs: 0 }).toEqual({ ...enginesFigures, cpuMs: 0 });
    expect(enginesFigures.cpuMs).toBeGreaterThanOrEqual(first.cpuMs - 1);
    expect(enginesFigures.cpuMs).toBeLessThanOrEqual(ownFigures.cpuMs + 1);
    for (const name of ['receivedBytes', 'sentBytes'] as const) {
      expect(reported?.[name]).toBeGreaterThanOrEqual(first.network?.[name] ?? Number.NaN);
      expect(reported?.[name]).toBeLessThanOrEqual(own.network?.[name] ?? Number.NaN);
    }
    await byEngine.close();
  });

  it('reads a page of metrics of a container on the host’s network', async () => {
    const page = await startPage('queue_length 4\n');
    const made = spec({ network: 'host' });
    await runtime.create(made);
    await runtime.start(made.name);
    expect(await runtime.readMetrics(made.name, { port: page.port, path: '/' })).toBe('queue_length 4\n');
    const [usage] = await runtime.sample([made.name]);
    expect(usage?.network).toBeUndefined();
    await page.close();
  });

  async function run(changes: Partial<ContainerSpec>) {
    const made = spec(changes);
    await runtime.create(made);
    await runtime.start(made.name);
    return waitFor(async () => {
      const status = await runtime.inspect(made.name);
      return status?.state === 'exited' ? status : undefined;
    });
  }

  it('distinguishes an absent command from one that ends with 127, also behind an init process', async () => {
    const missing = await run({ command: ['no-such-program'] });
    expect(missing).toMatchObject({ exitCode: 127, startError: expect.stringContaining('no-such-program') });
    const notExecutable = await run({ command: ['/etc/passwd'] });
    expect(notExecutable).toMatchObject({
      exitCode: 126,
      startError: expect.stringContaining('ermission denied'),
    });
    const own = await run({ command: ['sh', '-c', 'no-such-program'] });
    expect(own).toMatchObject({ exitCode: 127 });
    expect(own.startError).toBeUndefined();
  });

  it('keeps the exit code of a container if only a child ran out of memory', async () => {
    const command = ['sh', '-c', 'dd if=/dev/zero of=/dev/null bs=100M count=1; exit 0'];
    expect(await run({ command })).toMatchObject({ exitCode: 0 });
  });

  it('limits processor and memory, and sets the environment, entry point and command', async () => {
    const made = spec({
      entryPoint: ['sh', '-c'],
      command: ['test "$GREETING" = "hello world" && exit 5'],
      env: { GREETING: 'hello world' },
      cpuMillis: 250,
      memoryMb: 48,
    });
    await runtime.create(made);
    const { HostConfig } = await engineInspect(made.name);
    expect(HostConfig).toMatchObject({ NanoCpus: 250_000_000, Memory: 48_000_000, MemorySwap: 48_000_000 });
    await runtime.start(made.name);
    await waitFor(async () => (await runtime.inspect(made.name))?.exitCode === 5);
  });

  describe('a security profile', () => {
    /** Returns the exit code of a shell command under the profile; 0 if its condition holds. */
    const holds = async (securityProfile: Record<string, string>, script: string) => {
      const parsed = parseSecurityProfile(securityProfile);
      if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
      return (await run({ command: ['sh', '-c', script], security: parsed.profile })).exitCode === 0;
    };
    const netAdmin = 1 << 12;
    const hasCapability = (bit: number) =>
      `test $(( 0x$(sed -n 's/^CapBnd:\\s*//p' /proc/self/status) & ${bit} )) -ne 0`;

    it('sets user and group', async () => {
      expect(await holds({}, 'test $(id -u) = 0')).toBe(true);
      expect(await holds({ user: '1000:1001' }, 'test $(id -u):$(id -g) = 1000:1001')).toBe(true);
    });

    it('makes the root file system read-only', async () => {
      expect(await holds({}, 'touch /x')).toBe(true);
      expect(await holds({ readOnlyRootfs: 'true' }, 'touch /x')).toBe(false);
    });

    it('adds and drops capabilities', async () => {
      expect(await holds({}, hasCapability(netAdmin))).toBe(false);
      expect(await holds({ capabilities: 'NET_ADMIN' }, hasCapability(netAdmin))).toBe(true);
      expect(await holds({}, 'touch /x && chown 5 /x')).toBe(true);
      expect(await holds({ capabilities: '-CHOWN' }, 'touch /x && chown 5 /x')).toBe(false);
    });

    // The test does not check the effect, because the engine itself may run confined.
    it('asks the engine for a privileged container', async () => {
      const parsed = parseSecurityProfile({ privileged: 'true' });
      const made = spec('profile' in parsed ? { security: parsed.profile } : {});
      await runtime.create(made);
      expect((await engineInspect(made.name)).HostConfig.Privileged).toBe(true);
    });

    it('replaces the seccomp profile, or removes it', async () => {
      const mode = (number: number) => `grep -q '^Seccomp:.*${number}' /proc/self/status`;
      expect(await holds({ seccomp: 'unconfined' }, mode(0))).toBe(true);
      const noDirectories = {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }],
      };
      const seccomp = JSON.stringify(noDirectories);
      expect(await holds({ seccomp: 'unconfined' }, 'mkdir /d')).toBe(true);
      expect(await holds({ seccomp }, 'mkdir /d')).toBe(false);
    });

    it('names the AppArmor profile', async () => {
      const parsed = parseSecurityProfile({ apparmor: 'unconfined' });
      const made = spec('profile' in parsed ? { security: parsed.profile } : {});
      await runtime.create(made);
      expect((await engineInspect(made.name)).HostConfig.SecurityOpt).toEqual(['apparmor=unconfined']);
    });
  });

  it('publishes ports that can be reached', async () => {
    const command = ['sh', '-c', 'echo served > /tmp/index.html; httpd -f -p 8080 -h /tmp'];
    const made = spec({ network: 'bridge', ports: [{ port: 8080, protocol: 'tcp' }], command });
    await runtime.create(made);
    await runtime.start(made.name);
    const { hostPorts } = (await runtime.inspect(made.name)) ?? {};
    const port = Number(hostPorts?.split(':')[1]);
    const served = await waitFor(() => get(port).catch(() => undefined), { what: 'the port answers' });
    expect(served.trim()).toBe('served');
  });

  it('does not take over another owner’s container of the same name', async () => {
    const foreign = specFor(testImage, 'foreign');
    const theirs = open('foreign');
    await theirs.create(foreign);
    await expect(runtime.create(spec({ name: foreign.name }))).rejects.toMatchObject({ kind: 'conflict' });
    expect(await runtime.inspect(foreign.name)).toBeUndefined();
    await clear(theirs);
    await theirs.close();
  });

  it('has a file for results also in a container that is adopted before it has run', async () => {
    const made = spec(writes('echo yes > "$BERTH_RESULTS"; sleep 0.2', 'yes'));
    await runtime.create({ ...made, hasResults: false });
    expect(await runtime.create(made)).toEqual({ adopted: true });
    await runtime.start(made.name);
    const ended = async () => (await runtime.inspect(made.name))?.state === 'exited';
    await waitFor(ended, { what: 'the container has ended' });
    expect(Buffer.from((await runtime.readResults(made.name))?.bytes ?? []).toString()).toBe('yes\n');
  });

  it('finds a local image by its id if the registry’s digest is unknown', async () => {
    const { Image: id } = await engineInspect(await created());
    const reference = `${testImage.split(':')[0]}@${id}`;
    const found = await runtime.ensureImage(reference);
    expect(found).toBe(id);
    expect(await runtime.create(spec({ image: found }))).toEqual({ adopted: false });
  });

  it('reports that the engine is out of reach, and connects again later', async () => {
    const socket = await breakableSocket(testDockerHost ?? 'unix:///var/run/docker.sock');
    const cuttable = open(agentId, socket.host);
    const events: RuntimeEvent['is'][] = [];
    const following = cuttable.events$.subscribe(({ is }) => events.push(is));
    await waitFor(() => events.includes('connected'), { what: 'events flow' });
    await socket.cut();
    await waitFor(() => events.includes('disconnected'), { what: 'the cut is noticed' });
    await expect(cuttable.list()).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('Docker cannot be reached'),
    });
    await socket.mend();
    await waitFor(() => events.filter((is) => is === 'connected').length === 2, {
      what: 'events flow again',
    });
    const made = spec(endsWith(0));
    await cuttable.create(made);
    await cuttable.start(made.name);
    await waitFor(() => events.includes('changed'), { what: 'the end is reported' });
    following.unsubscribe();
    await cuttable.close();
    await socket.cut();
    await socket.remove();
  });

  async function created(): Promise<string> {
    const made = spec();
    await runtime.create(made);
    return made.name;
  }
});

interface EngineView {
  readonly Image: string;
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** Asks the engine directly, without the runtime. */
async function engineInspect(name: string): Promise<EngineView> {
  const { default: Docker } = await import('dockerode');
  return (await new Docker().getContainer(name).inspect()) as unknown as EngineView;
}

function get(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path: '/index.html' }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(text));
    });
    asking.on('error', reject);
    asking.end();
  });
}
