import { BerthError } from '../model/errors/errors.js';
import { startTimer, systemClock } from './clock.js';
import { ConfigError } from './config.js';
import { createLogger, type Logger } from './logger.js';
import { strangeSettings } from './setting-names.js';

/** Something that a service has started; `name` is for the log. */
export interface Closeable {
  readonly name: string;
  close(): Promise<void> | void;
}

/** The started parts of a service, in order. They are closed in the reverse order. */
type Disposables = readonly Closeable[];

interface ServiceContext {
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** Aborts when the process is asked to end. */
  readonly signal: AbortSignal;
}

/** A service that has not closed everything by then is ended all the same. */
const shutdownLimitMs = 10_000;

const exitCodes = { ok: 0, failed: 1, badConfiguration: 2, usage: 2 } as const;

/**
 * Runs a service's process from its start to its end. A ConfigError ends it with one message and code 2.
 * SIGTERM or SIGINT aborts the signal, closes the started parts, last started first, and exits with 0; a
 * second signal ends the process at once. An uncaught error is logged and ends the process with 1. The
 * process takes no arguments: with any it ends with 2, after `--help` with 0. It warns of variables that
 * look like settings and that nothing reads.
 */
export function runService(name: string, start: (context: ServiceContext) => Promise<Disposables>): void {
  endOnArguments(name, process.argv.slice(2));
  const log = createLogger(name, initialLevel(process.env.BERTH_LOG_LEVEL));
  const stopping = new AbortController();
  const stopped = new Promise<string>((resolve) => {
    for (const signalName of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signalName, () => {
        if (stopping.signal.aborted) process.exit(exitCodes.failed);
        stopping.abort();
        resolve(signalName);
      });
    }
  });
  process.on('uncaughtException', (error) => fail(log, error));
  process.on('unhandledRejection', (error) => fail(log, error));
  live({ env: process.env, log, signal: stopping.signal }, start, stopped).catch((error) => fail(log, error));
}

/**
 * A caller that gives arguments expects more than a start without them, so the process refuses to start.
 */
function endOnArguments(name: string, args: readonly string[]): void {
  if (args.length === 0) return;
  const usage = `The ${name} takes no arguments. Its settings are environment variables: see docs/operations/configuration.md.\n`;
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(usage);
    process.exit(exitCodes.ok);
  }
  process.stderr.write(`It was given: ${args.join(' ')}\n${usage}`);
  process.exit(exitCodes.usage);
}

async function live(
  context: ServiceContext,
  start: (context: ServiceContext) => Promise<Disposables>,
  stopped: Promise<string>,
): Promise<void> {
  const { log, signal } = context;
  void stopped.then(() => armShutdownLimit(log));
  for (const text of strangeSettings(context.env)) log.warn(text);
  const started = await start(context).catch((error: unknown) => {
    // A start that was interrupted may fail for that reason alone.
    if (signal.aborted && !(error instanceof ConfigError)) return [];
    throw error;
  });
  if (!signal.aborted) log.info('started');
  log.info(`stopping on ${await stopped}`);
  await closeAll(started, log);
  log.info('stopped');
  process.exit(exitCodes.ok);
}

function armShutdownLimit(log: Logger): void {
  const giveUp = () => {
    log.fatal(`not everything was closed within ${shutdownLimitMs} ms`);
    process.exit(exitCodes.failed);
  };
  startTimer(systemClock, shutdownLimitMs, giveUp);
}

/** Closes all, last started first; a failure is logged and does not keep the others open. */
export async function closeAll(started: Disposables, log: Logger): Promise<void> {
  for (const closeable of started.toReversed()) {
    try {
      log.debug(`closing ${closeable.name}`);
      await closeable.close();
    } catch (error) {
      log.error({ err: error }, `could not close ${closeable.name}`);
    }
  }
}

function fail(log: Logger, error: unknown): never {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(exitCodes.badConfiguration);
  }
  if (error instanceof BerthError) log.fatal(error.message);
  else log.fatal({ err: error }, 'unexpected error');
  process.exit(exitCodes.failed);
}

/** The log is made before the configuration is read. The configuration reports a level that is invalid. */
function initialLevel(level: string | undefined): string {
  return level !== undefined && ['trace', 'debug', 'warn', 'error', 'fatal', 'silent'].includes(level)
    ? level
    : 'info';
}
