import { tellSkipped } from './skipped.js';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

/** The engine that tests use; set by `npm test`. */
export const testDockerHost: string | undefined = process.env.DOCKER_HOST;

/** A small image with the applets of busybox, there without any registry. */
export const testImage: string = process.env.BERTH_TEST_IMAGE ?? 'berth/busybox:1';

/** Why suites that need Docker are to be skipped, or false; for `describe.skipIf`. Under CI nothing is skipped. */
export const skipDockerTests: string | false =
  testDockerHost !== undefined || inCi ? false : 'DOCKER_HOST names no engine (run npm test to have one)';

tellSkipped('Docker', skipDockerTests);
