import { spawn } from 'node:child_process';
import { type Clock, startTimer } from '@berth/shared/process/clock';

/** The answer of a helper, or the reason why there is none. */
type HelperAnswer =
  | { readonly outcome: 'found'; readonly username: string; readonly secret: string }
  | { readonly outcome: 'unknown' }
  | { readonly outcome: 'failed'; readonly why: string };

interface HelperCall {
  /** The program is `docker-credential-NAME`. */
  readonly name: string;
  /** The key of the registry. */
  readonly key: string;
  readonly limitMs: number;
  readonly clock: Clock;
}

/** Longer answers are not credentials. */
const maxAnswerBytes = 64 * 1024;

/**
 * Runs a credential helper. Never rejects. A helper that takes too long is killed, together with the
 * processes that it has started.
 */
export function runHelper({ name, key, limitMs, clock }: HelperCall): Promise<HelperAnswer> {
  // The name is part of a program's name. It must not lead to another directory.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return Promise.resolve(failed('its name is not valid'));
  return new Promise((resolve) => {
    // The group has the helper's own processes, too.
    const child = spawn(`docker-credential-${name}`, ['get'], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const cancel = startTimer(clock, limitMs, () => end(failed(`it took longer than ${limitMs} ms`)));
    const end = (answer: HelperAnswer) => {
      cancel();
      killGroup(child.pid);
      child.stdout.destroy();
      resolve(answer);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxAnswerBytes) end(failed('its answer is too long'));
    });
    child.on('error', (error) => end(failed(whyNotStarted(error))));
    child.on('close', (code) => end(answerOf(code, Buffer.concat(chunks).toString('utf8'))));
    // A helper may end without reading.
    child.stdin.on('error', () => undefined);
    child.stdin.end(key);
  });
}

function answerOf(code: number | null, text: string): HelperAnswer {
  if (code !== 0) return /not found/i.test(text) ? { outcome: 'unknown' } : failed(`exit code ${code}`);
  try {
    const { Username: username, Secret: secret } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof username !== 'string' || typeof secret !== 'string') return failed('its answer is not valid');
    return secret === '' ? { outcome: 'unknown' } : { outcome: 'found', username, secret };
  } catch {
    // The text may hold a secret. So nobody sees it.
    return failed('its answer is not valid');
  }
}

function whyNotStarted(error: Error): string {
  const isMissing = 'code' in error && error.code === 'ENOENT';
  return isMissing ? 'it is not on PATH' : error.message;
}

function failed(why: string): HelperAnswer {
  return { outcome: 'failed', why };
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of its processes have ended.
  }
}
