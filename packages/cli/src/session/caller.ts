import { execFile } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { promisify } from 'node:util';

/** The time limit for git to print its configuration. */
const gitTimeoutMs = 1_000;

/**
 * Returns the owner of everything that this user creates. The sources are `--caller-email`,
 * BERTH_CALLER_EMAIL, git's user.email, and user@host, in this order.
 */
export async function callerEmail(
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  return option || env.BERTH_CALLER_EMAIL || (await gitEmail()) || `${userName(env)}@${hostname()}`;
}

/** Returns git's address; empty without git or without an address. */
async function gitEmail(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['config', 'user.email'], { timeout: gitTimeoutMs });
    return stdout.trim();
  } catch {
    return '';
  }
}

function userName(env: Readonly<Record<string, string | undefined>>): string {
  try {
    return userInfo().username;
  } catch {
    // The user id has no entry in the system's user database. That is common in containers.
    return env.USER || 'unknown';
  }
}
