import type { PlacementCalls } from '@berth/client/placement-calls';
import { Explanation } from '@berth/shared/gen/berth/v1/placement_service';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { exitCodes } from '../format/exit-code.js';
import { explanationLines } from '../format/placement.js';
import { findAllTasks } from '../listing.js';
import type { Act } from '../program.js';
import { resolve } from '../resolve-id.js';
import { UsageError } from '../usage-error.js';

export function addExplain(program: Command, act: Act): void {
  const command = program
    .command('explain')
    .description('say why a task waits, and what would place it')
    .argument('<task>', 'id of a task, or its beginning; of a job its first task that waits is explained');
  command.action((task: string) =>
    act(command, (context) => context.withPlacement((calls) => explain(context, calls, task))),
  );
}

async function explain(context: Context, calls: PlacementCalls, given: string): Promise<number> {
  const { kind, id } = await resolve(calls, given);
  const explanation = await calls.explain(kind === 'task' ? id : await firstWaiting(calls, id));
  if (context.format !== 'table') await context.printAll(Explanation.toJSON(explanation));
  else for (const line of explanationLines(explanation, context.paint)) context.io.out(line);
  return exitCodes.ok;
}

async function firstWaiting(calls: PlacementCalls, jobId: string): Promise<string> {
  const tasks = await findAllTasks(calls, jobId);
  const waiting = tasks.find(({ state }) => (state?.state ?? 0) === 0);
  if (waiting === undefined) throw new UsageError(`No task of job ${jobId} waits for an agent.`);
  return waiting.id;
}
