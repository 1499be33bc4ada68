import type Docker from 'dockerode';
import { waitFor } from '../../support/process/wait-for.js';
import type { LaunchTimes } from './times.js';
import { sleepService } from './workload.js';

const launchTimeoutMs = 180_000;

/**
 * Starts `count` replicas as one service of the engine's own Swarm, then removes it and waits until its
 * containers are gone.
 */
export async function launchSwarm(docker: Docker, image: string, count: number): Promise<LaunchTimes> {
  const name = `berth-bench-${process.pid}-${Date.now()}`;
  const beganMs = performance.now();
  const service = await docker.createService(sleepService(name, image, count));
  const filters = { service: [name], 'desired-state': ['running'] };
  let firstMs = Number.NaN;
  try {
    await waitFor(
      async () => {
        const tasks = (await docker.listTasks({ filters })) as readonly { Status?: { State?: string } }[];
        const running = tasks.filter((task) => task.Status?.State === 'running').length;
        if (running > 0 && Number.isNaN(firstMs)) firstMs = performance.now() - beganMs;
        return running === count;
      },
      { what: 'all replicas run', intervalMs: 100, timeoutMs: launchTimeoutMs },
    );
    return { firstMs, lastMs: performance.now() - beganMs };
  } finally {
    await service.remove();
    const ofService = { label: [`com.docker.swarm.service.name=${name}`] };
    await waitFor(async () => (await docker.listContainers({ all: true, filters: ofService })).length === 0, {
      what: 'the replicas are gone',
      intervalMs: 250,
      timeoutMs: launchTimeoutMs,
    });
  }
}

/**
 * Makes the engine a Swarm of one for the duration of `work`. An engine that is in a Swarm already stays in
 * it.
 */
export async function withSwarm<T>(docker: Docker, work: () => Promise<T>): Promise<T> {
  const info = (await docker.info()) as { Swarm?: { LocalNodeState?: string } };
  if (info.Swarm?.LocalNodeState === 'active') return work();
  await docker.swarmInit({
    ListenAddr: '127.0.0.1:0',
    AdvertiseAddr: '127.0.0.1',
    ForceNewCluster: false,
    Spec: {},
  });
  try {
    return await work();
  } finally {
    await docker.swarmLeave({ force: true });
  }
}
