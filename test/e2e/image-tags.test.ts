import { join } from 'node:path';
import { dockerClient } from '@berth/local/engine/docker-client';
import { type ManagedChild, startChild } from '@berth/local/machine/child-process';
import { repoRoot } from '@berth/local/machine/paths';
import { freePorts } from '@berth/local/machine/ports';
import {
  type Job,
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import type Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, codeIn, isJobOver, runs, service, shell, stateOf } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { instancesOf } from '../support/cells/ten-runs.js';
import { testImage } from '../support/engine/docker.js';
import { engineNeeds, type OwnEngine, startOwnEngine } from '../support/engine/own-engine.js';
import { obtainRegistryBinary, startTestRegistry, type TestRegistry } from '../support/registry/registry.js';

const binary = await obtainRegistryBinary();
const needs = skipCellTests === false ? await engineNeeds() : undefined;

/** Makes an image that says its version, under that name, in the engine alone. */
async function makeImage(docker: Docker, image: string, version: string): Promise<void> {
  const container = await docker.createContainer({ Image: testImage });
  const at = image.lastIndexOf(':');
  const options = { repo: image.slice(0, at), tag: image.slice(at + 1), changes: `ENV VERSION=${version}` };
  await container.commit(options);
  await container.remove();
}

async function pushImage(docker: Docker, image: string, version: string): Promise<void> {
  await makeImage(docker, image, version);
  const stream = await docker.getImage(image).push({ authconfig: { username: '', password: '' } });
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error === null ? resolve() : reject(error)));
  });
}

const says = shell('echo "$VERSION" > "$BERTH_RESULTS"');

describe.skipIf(skipCellTests !== false || binary === undefined || needs === undefined)('a tag', () => {
  let registry: TestRegistry;
  let engine: OwnEngine;
  let cell: DockerCell;
  let second: ManagedChild | undefined;

  beforeAll(async () => {
    if (needs === undefined) throw new Error('an engine of its own is needed');
    registry = await startTestRegistry({ binary: binary ?? '' });
    engine = await startOwnEngine(needs);
    cell = await DockerCell.start();
  });
  afterAll(async () => {
    await second?.kill();
    await cell?.stop();
    await engine?.remove();
    await registry?.stop();
  });

  const own = () => dockerClient(engine.host);

  async function ended(id: string): Promise<Job> {
    return cell.until(`job ${id} ends`, async () => {
      const job = await cell.caller.find(id);
      return isJobOver(job) && job;
    });
  }

  it('that moves between two runs of a schedule gives the second run the new image', async () => {
    const name = `${registry.host}/team/report:latest`;
    await pushImage(own(), name, 'v1');
    const jobDescriptor = JobDescriptor.fromPartial({
      ...batch({ ...says, image: { name } }),
      labels: { 'berth.cronSpec': '*/4 * * * * *' },
    });
    const clusterSpec = { $case: 'batch' as const, value: {} };
    const descriptor = JobClusterDescriptor.fromPartial({ name: 'report', jobDescriptor, clusterSpec });
    await cell.caller.call(methods.createJobCluster, descriptor);
    const results = async () => (await instancesOf(cell.caller, 'report')).flatMap((one) => one.results);
    await cell.until('a run says v1', async () => (await results()).includes('v1'));
    await pushImage(own(), name, 'v2');
    const before = new Set((await instancesOf(cell.caller, 'report')).map(({ uuid }) => uuid));
    const after = await cell.until('two later runs have ended', async () => {
      const later = (await instancesOf(cell.caller, 'report')).filter(({ uuid }) => !before.has(uuid));
      return later.filter((one) => one.results.length > 0).length >= 2 && later;
    });
    expect(new Set(after.flatMap((one) => one.results))).toEqual(new Set(['v2']));
    const job = await cell.caller.find(after[0]?.uuid ?? '');
    expect(job.jobDescriptor?.containers.main?.image?.imageId).toMatch(/^sha256:/);
    expect(job.jobDescriptor?.labels).not.toHaveProperty(['berth.imageResolution']);
  });

  it('that no registry resolves still runs from the engine that has it', async () => {
    const name = '127.0.0.1:1/team/local:1';
    await makeImage(cell.docker, name, 'local');
    const id = await cell.caller.create(
      batch(shell('test "$VERSION" = local', { image: { name } }), { tasks: 3 }),
    );
    expect(codeIn(await ended(id))).toBe('normal');
  });

  it('that nobody has resolved is one image on all hosts, although one has an old one', async () => {
    const name = `${registry.host}/team/spread:latest`;
    await pushImage(cell.docker, name, 'v1');
    await pushImage(own(), name, 'v2');
    // Neither gateway nor master is to help.
    await Promise.all(['api', 'master'].map((service) => cell.local.kill(service)));
    const without = await DockerCell.start({
      env: { api: { BERTH_IMAGE_RESOLUTION: 'off' }, master: { BERTH_IMAGE_RESOLUTION: 'off' } },
    });
    try {
      const [grpc, http] = (await freePorts(2)).map((port) => `127.0.0.1:${port}`);
      second = await startChild({
        name: 'agent-b',
        command: process.execPath,
        args: [join(repoRoot, 'services/agent/dist/main.js')],
        env: {
          BERTH_REDIS_URL: without.local.redisUrl,
          BERTH_CELL: without.local.cell,
          BERTH_AGENT_ID: 'agent-b',
          BERTH_AGENT_GRPC: grpc ?? '',
          BERTH_AGENT_HTTP: http ?? '',
          BERTH_AGENT_RUNTIME: 'docker',
          DOCKER_HOST: engine.host,
        },
        logFile: join(without.home, 'agent-b.log'),
      });
      const container = shell('test "$VERSION" = v2 && exec sleep 600', {
        image: { name },
        hardConstraints: { constraints: { uniqueHost: 'true' } },
      });
      const id = await without.caller.create(service(container, { tasks: 2 }));
      const job = await without.until('both tasks run', async () => {
        const found = await without.caller.find(id);
        return runs(2)(found) && found;
      });
      expect(job.tasks.map(stateOf)).toEqual([State.RUNNING, State.RUNNING]);
      expect(new Set(job.tasks.map(({ taskContext }) => taskContext['agent.id'])).size).toBe(2);
      expect(job.jobDescriptor?.containers.main?.image?.imageId).toMatch(/^sha256:/);
    } finally {
      await second?.kill();
      await without.stop();
    }
  });
});
