import type { Command } from 'commander';
import type { Context } from '../context.js';
import { exitCodes } from '../format/exit-code.js';
import type { Act } from '../program.js';
import { addJobInput, inCluster, readJob } from './job-input.js';
import type { JobOptions } from './job-options.js';

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
  const { id } = await context.withCalls(async (calls) =>
    calls.createJob(await inCluster(calls, own, options)),
  );
  if (context.format === 'table') context.io.out(id);
  else await context.printAll({ id });
  return exitCodes.ok;
}
