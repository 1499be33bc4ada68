import type Docker from 'dockerode';
import type { LaunchTimes } from './times.js';
import { sleepContainer } from './workload.js';

const benchLabel = 'launch-raw';

/** Creates and starts `count` containers through dockerode, `inFlight` at a time, then removes them. */
export async function launchRaw(
  docker: Docker,
  image: string,
  count: number,
  inFlight: number,
): Promise<LaunchTimes> {
  const containers: Docker.Container[] = [];
  const runningAtMs: number[] = [];
  let next = 0;
  const beganMs = performance.now();
  const work = async () => {
    while (next < count) {
      const name = `berth-bench-${process.pid}-${inFlight}-${next++}`;
      const container = await docker.createContainer(sleepContainer(name, image, benchLabel));
      containers.push(container);
      await container.start();
      runningAtMs.push(performance.now() - beganMs);
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, work));
  } finally {
    await removeAll(containers);
  }
  return { firstMs: Math.min(...runningAtMs), lastMs: Math.max(...runningAtMs) };
}

/** Removes containers, running or not, some at a time. */
export async function removeAll(containers: readonly Docker.Container[]): Promise<void> {
  const left = [...containers];
  const work = async () => {
    for (let container = left.pop(); container !== undefined; container = left.pop()) {
      await container.remove({ force: true, v: true });
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}
