import { ensureDemoImage } from '../demo/demo-image.js';
import { dockerClient } from '../engine/docker-client.js';
import { obtainDockerEngine } from '../engine/docker-engine.js';
import type { Lifetime } from '../machine/lifetime.js';
import type { Progress } from '../output/progress.js';
import { describeError, SetupError } from '../output/setup-error.js';
import { obtainRedisBinary } from '../redis/redis-binary.js';

/** The servers for tests and benchmarks. */
interface TestEnvironment {
  /** The path of a `redis-server`. */
  readonly redisBinary: string;
  readonly docker: TestDocker;
}

/** A Docker engine with the demo image, or the reason for its absence. */
type TestDocker = { readonly host: string; readonly image: string } | { readonly missing: string };

interface PrepareOptions {
  readonly home: string;
  readonly progress: Progress;
  readonly lifetime: Lifetime;
  /** True to reject without Docker, instead of returning the reason. */
  readonly needsDocker: boolean;
}

/** Prepares the servers for tests. The lifetime stops them again. */
export async function prepareTestEnvironment(options: PrepareOptions): Promise<TestEnvironment> {
  const redisBinary = await obtainRedisBinary(options.home, options.progress);
  options.lifetime.signal.throwIfAborted();
  return { redisBinary, docker: await prepareDocker(options) };
}

async function prepareDocker(options: PrepareOptions): Promise<TestDocker> {
  const { home, progress, lifetime } = options;
  try {
    const engine = await obtainDockerEngine({ home, progress });
    lifetime.defer(engine.release);
    lifetime.signal.throwIfAborted();
    return { host: engine.host, image: await ensureDemoImage(dockerClient(engine.host), home, progress) };
  } catch (error) {
    if (options.needsDocker || !(error instanceof SetupError)) throw error;
    return { missing: describeError(error) };
  }
}

/**
 * Returns the environment variables that tell tests about the prepared servers; undefined removes a variable.
 */
export function testVariables({ redisBinary, docker }: TestEnvironment): Record<string, string | undefined> {
  const redis = { BERTH_TEST_REDIS_SERVER: redisBinary };
  if ('missing' in docker) return { ...redis, DOCKER_HOST: undefined, BERTH_TEST_NO_DOCKER: docker.missing };
  return { ...redis, DOCKER_HOST: docker.host, BERTH_TEST_IMAGE: docker.image };
}
