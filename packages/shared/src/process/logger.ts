import { type Logger as PinoLogger, pino } from 'pino';

/** Structured log: one JSON object a line. Errors go under `err`. */
export type Logger = PinoLogger;

/** A logger that writes to standard output; `level` is one of pino's. */
export function createLogger(name: string, level = 'info'): Logger {
  return pino({ name, level, timestamp: pino.stdTimeFunctions.isoTime });
}

/** Logs nothing. For tests and for library code without a logger. */
export const silentLogger: Logger = pino({ level: 'silent' });
