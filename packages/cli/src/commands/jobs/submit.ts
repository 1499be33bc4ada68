import type { Command } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { addJobInput, createJob, readJob } from '../../job-input/job-input.js';
import type { JobOptions } from '../../job-input/job-options.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';

export function addSubmit(program: Command, act: Act): void {
  const command = program
    .command('submit')
    .description('submit a job and print its id, without waiting for it');
  addJobInput(command).action((image: string | undefined, words: string[], options: JobOptions) =>
    act(command, (context) => submit(context, image, words, options)),
  );
}

/** Submits the job and prints its id. */
export async function submit(
  context: Context,
  image: string | undefined,
  words: string[],
  options: JobOptions,
): Promise<number> {
  const own = await readJob(context.io, image, words, options);
  const { id } = await context.withCalls((calls) => createJob(calls, own, options));
  if (context.format === 'table') context.io.out(id);
  else await context.printAll({ id });
  return exitCodes.ok;
}
