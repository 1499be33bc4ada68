import { reportSkipped } from '../process/skipped.js';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

/** The engine of the tests; `npm test` sets it. */
export const testDockerHost: string | undefined = process.env.DOCKER_HOST;

/** A small image with the applets of busybox, made without any registry. */
export const testImage: string = process.env.BERTH_TEST_IMAGE ?? 'berth/busybox:1';

/**
 * The reason to skip suites that need Docker, or false; for `describe.skipIf`. Under CI nothing is skipped.
 */
export const skipDockerTests: string | false =
  testDockerHost !== undefined || inCi ? false : 'DOCKER_HOST names no engine (run npm test to have one)';

reportSkipped('Docker', skipDockerTests);
