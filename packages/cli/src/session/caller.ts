import { execFile } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { promisify } from 'node:util';

/** How long git may take to tell its configuration. */
const gitTimeoutMs = 1_000;

/**
 * Who answers for what this user creates: `--caller-email`, BERTH_CALLER_EMAIL, git's user.email, or user@host, in this
 * order.
 */
export async function callerEmail(
  option: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  return option || env.BERTH_CALLER_EMAIL || (await gitEmail()) || `${userName(env)}@${hostname()}`;
}

/** Empty where there is no git, or where it knows no address. */
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
    // A user id without an entry in the system's user database, as in many containers.
    return env.USER || 'unknown';
  }
}
