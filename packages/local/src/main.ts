import { parseArgs } from 'node:util';
import { ConfigError } from '@berth/shared/process/config';
import { createLifetime, Interrupted, type Lifetime } from './machine/lifetime.js';
import { describeError, SetupError } from './output/setup-error.js';
import { UsageError } from './output/usage-error.js';
import { benchCommand } from './run/bench-command.js';
import { startCommand } from './run/start-command.js';
import { testCommand } from './run/test-command.js';

const exitCodes = { failed: 1, usage: 2, interrupted: 130 } as const;

const usage = `Usage:
  npm start [-- --once]           a whole cell on this machine, with a demo; --once ends after the demo
  npm test [-- VITEST-ARGS…]      every check and test
  npm run bench -- NAME | --list  one benchmark`;

/** A terminal and npm may both pass on one and the same Ctrl-C. */
const sameSignalMs = 1_000;

function listenForSignals(lifetime: Lifetime): void {
  let firstAt: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const now = performance.now();
      if (firstAt !== undefined && now - firstAt > sameSignalMs) {
        process.stderr.write('Ended at once; the next start removes what is left.\n');
        process.exit(exitCodes.interrupted);
      }
      if (firstAt !== undefined) return;
      firstAt = now;
      process.stderr.write('\nStopping …\n');
      lifetime.abort(new Interrupted(`${name} was received`));
    });
  }
}

function runCommandLine(args: readonly string[], lifetime: Lifetime): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'start') return startCommand(startOptions(rest), lifetime);
  if (command === 'test') return testCommand(rest, lifetime);
  if (command === 'bench') return benchCommand(rest, lifetime);
  throw new UsageError(usage);
}

function startOptions(args: string[]): { once: boolean } {
  try {
    const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false } } });
    return { once: values.once };
  } catch (error) {
    throw new UsageError(`${describeError(error)}\n${usage}`);
  }
}

/** Where a failure that nobody waits for would end the process, it has to stop first what it has started. */
function listenForFailures(lifetime: Lifetime): void {
  const abort = (error: unknown) => {
    lifetime.abort(error instanceof Error ? error : new Error(String(error)));
  };
  process.on('uncaughtException', abort);
  process.on('unhandledRejection', abort);
  // Whoever read our output has gone (`npm start | head`): there is nobody left to tell, only to clean up.
  const outputClosed = () => lifetime.abort(new Interrupted('the output was closed'));
  process.stdout.on('error', outputClosed);
  process.stderr.on('error', outputClosed);
}

/** What a person is told of a failure, and the exit code. */
function report(error: unknown, lifetime: Lifetime): number {
  // Whatever fails after the end was asked for fails because of it.
  const cause: unknown = lifetime.signal.aborted ? lifetime.signal.reason : error;
  if (cause instanceof Interrupted) return exitCodes.interrupted;
  if (cause instanceof UsageError || cause instanceof ConfigError) {
    process.stderr.write(`${cause.message}\n`);
    return exitCodes.usage;
  }
  const text = cause instanceof SetupError || !(cause instanceof Error) ? describeError(cause) : cause.stack;
  process.stderr.write(`\n${text}\n`);
  return exitCodes.failed;
}

async function main(): Promise<number> {
  const lifetime = createLifetime();
  listenForSignals(lifetime);
  listenForFailures(lifetime);
  let code: number;
  try {
    code = await runCommandLine(process.argv.slice(2), lifetime);
    // Ctrl-C is how a cell that is up is ended, so it is no failure; all else that aborts is.
    if (!(lifetime.signal.reason instanceof Interrupted)) lifetime.signal.throwIfAborted();
  } catch (error) {
    code = report(error, lifetime);
  }
  try {
    await lifetime.close();
  } catch (error) {
    process.stderr.write(`Not everything could be stopped: ${describeError(error)}\n`);
    return code === 0 ? exitCodes.failed : code;
  }
  return code;
}

// Nothing is left to do, so an open connection of some library is no reason to stay.
process.exit(await main());
