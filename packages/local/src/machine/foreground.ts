import { spawn } from 'node:child_process';
import { constants } from 'node:os';

interface ForegroundOptions {
  readonly cwd: string;
  /** Added to this process's environment; an undefined value removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Passed on as SIGTERM. */
  readonly signal: AbortSignal;
}

const signalled = 128;

/**
 * Runs a command at our own terminal to its end. Resolves to its exit code; if a signal ended it, to 128 plus
 * the signal's number.
 */
export function runForeground(
  command: string,
  args: readonly string[],
  options: ForegroundOptions,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...options.env };
    const child = spawn(command, args, { cwd: options.cwd, env, stdio: 'inherit' });
    const stop = () => void child.kill('SIGTERM');
    options.signal.addEventListener('abort', stop);
    if (options.signal.aborted) stop();
    child.once('error', reject);
    child.once('close', (code, signal) => {
      options.signal.removeEventListener('abort', stop);
      resolve(code ?? signalled + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
