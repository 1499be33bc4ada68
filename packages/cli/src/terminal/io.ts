import { text } from 'node:stream/consumers';
import { systemClock } from '@berth/shared/process/clock';

/** The environment of a command. Tests replace it. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Writes a line of data. */
  out(line: string): void;
  /** Writes a line about the command itself. */
  err(line: string): void;
  readInput(): Promise<string>;
  /** Calls `handle` for each Ctrl-C or SIGTERM until the returned function is called. */
  onInterrupt(handle: () => void): () => void;
  nowMs(): number;
}

const interrupts = ['SIGINT', 'SIGTERM'] as const;

/** Connects a command to this process. */
export function processIo(): Io {
  exitWhenReaderLeaves();
  return {
    env: process.env,
    isTerminal: process.stdout.isTTY === true,
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    readInput: () => text(process.stdin),
    onInterrupt: (handle) => {
      for (const signal of interrupts) process.on(signal, handle);
      return () => {
        for (const signal of interrupts) process.off(signal, handle);
      };
    },
    nowMs: () => systemClock.nowMs(),
  };
}

/** `berth observe | head` ends silently when head ends. */
function exitWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}
