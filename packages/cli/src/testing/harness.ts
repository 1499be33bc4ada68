import { runCli } from '../cli.js';
import type { Io } from '../terminal/io.js';
import { createdAtMs } from './fixtures.js';

/** The output and the exit code of a command line. */
export interface CliResult {
  readonly exitCode: number;
  /** The lines of standard output and of standard error. */
  readonly out: readonly string[];
  readonly err: readonly string[];
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly isTerminal?: boolean;
  /** Called with each line of output, to act in the middle of a command. */
  readonly onLine?: (line: string, interrupt: () => void) => void;
}

/** Runs a command line in this process, five minutes after the creation of the fixtures' jobs. */
export async function cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const out: string[] = [];
  const err: string[] = [];
  const handlers = new Set<() => void>();
  const interrupt = () => {
    for (const handle of handlers) handle();
  };
  const record = (lines: string[]) => (text: string) => {
    lines.push(...text.split('\n'));
    options.onLine?.(text, interrupt);
  };
  const io: Io = {
    env: { BERTH_CALLER_EMAIL: 'ann@example.com', ...options.env },
    isTerminal: options.isTerminal ?? false,
    out: record(out),
    err: record(err),
    readInput: async () => options.input ?? '',
    onInterrupt: (handle) => {
      handlers.add(handle);
      return () => handlers.delete(handle);
    },
    nowMs: () => createdAtMs + 300_000,
  };
  return { exitCode: await runCli(args, io), out, err };
}
