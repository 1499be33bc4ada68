import { CommanderError } from 'commander';
import { exitCodes } from './errors/exit-code.js';
import { reportError } from './errors/report-error.js';
import { createProgram } from './program.js';
import type { Io } from './terminal/io.js';

/** Runs one command line. Resolves to the exit code, and never rejects. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = createProgram(io, (code) => {
    exitCode = code;
  });
  try {
    // As an option of every command, -v would hide that Berth has no volumes.
    const isVersion = args.length === 1 && args[0] === '-v';
    await program.parseAsync(isVersion ? ['--version'] : [...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return error instanceof CommanderError ? usageExitCode(error) : reportError(error, io);
  }
}

/**
 * Commander has printed the error. Its exit code is 1, except for commands with an exit code of their own.
 */
function usageExitCode({ exitCode }: CommanderError): number {
  return exitCode === 1 ? exitCodes.usage : exitCode;
}
