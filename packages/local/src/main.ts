import { parseArgs } from 'node:util';
import { elapsedMs, systemClock } from '@berth/shared/process/clock';
import { ConfigError } from '@berth/shared/process/config';
import { createLifetime, Interrupted, type Lifetime } from './machine/lifetime.js';
import { CommandLineError } from './output/command-line-error.js';
import { describeError, SetupError } from './output/setup-error.js';
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
      const now = elapsedMs(systemClock);
      if (firstAt !== undefined && now - firstAt > sameSignalMs) {
        process.stderr.write('Ended at once; the next start removes the remains.\n');
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
  throw new CommandLineError(usage);
}

function startOptions(args: string[]): { once: boolean } {
  try {
    const { values } = parseArgs({ args, options: { once: { type: 'boolean', default: false } } });
    return { once: values.once };
  } catch (error) {
    throw new CommandLineError(`${describeError(error)}\n${usage}`);
  }
}

/** An unhandled failure ends the process. Before that, everything that was started must be stopped. */
function listenForFailures(lifetime: Lifetime): void {
  const abort = (error: unknown) => {
    lifetime.abort(error instanceof Error ? error : new Error(String(error)));
  };
  process.on('uncaughtException', abort);
  process.on('unhandledRejection', abort);
  // The reader of our output is gone (`npm start | head`). Nobody reads messages any more; only the clean-up
  // is left.
  const outputClosed = () => lifetime.abort(new Interrupted('the output was closed'));
  process.stdout.on('error', outputClosed);
  process.stderr.on('error', outputClosed);
}

/** Prints a failure for a person. Returns the exit code. */
function report(error: unknown, lifetime: Lifetime): number {
  // A failure after the request to end is a result of that request.
  const cause: unknown = lifetime.signal.aborted ? lifetime.signal.reason : error;
  if (cause instanceof Interrupted) return exitCodes.interrupted;
  if (cause instanceof CommandLineError || cause instanceof ConfigError) {
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
    // Ctrl-C ends a running cell, so it is no failure. Every other abort is one.
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

// All work is done. So an open connection of some library is no reason to stay.
process.exit(await main());
