import type { BerthClient } from '@berth/client';
import { Explanation } from '@berth/shared/gen/berth/v1/placement_service';
import { exitCodes } from '../../errors/exit-code.js';
import { explanationLines } from '../../format/placement/placement.js';
import type { Context } from '../../session/context.js';
import { findAllTasks } from '../../session/listing.js';
import { resolve } from '../../session/resolve-id.js';
import { timeOfDay } from '../../terminal/age.js';

/** Prints the explanation of a waiting task after each change. Exits with 0 when the task waits no more. */
export async function watchExplain(context: Context, client: BerthClient, given: string): Promise<number> {
  const { kind, id } = await resolve(client, given);
  const taskId = kind === 'task' ? id : await waitingTask(client, id);
  if (taskId === undefined) {
    // Programs understand it from the absence of explanations.
    if (context.format === 'table') context.io.out(`No task of job ${id} waits for an agent.`);
    return exitCodes.ok;
  }
  const explanations = client.watchExplain(taskId, { reconnect: 'onceConnected' });
  const { forEachValue } = await import('../../session/for-each.js');
  const interrupt = new AbortController();
  const stopListening = context.io.onInterrupt(() => interrupt.abort());
  try {
    await forEachValue(explanations, (explanation) => print(context, explanation), interrupt.signal);
    return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    stopListening();
  }
}

async function waitingTask(client: BerthClient, jobId: string): Promise<string | undefined> {
  return (await findAllTasks(client, jobId)).find(({ state }) => (state?.state ?? 0) === 0)?.id;
}

async function print(context: Context, explanation: Explanation): Promise<void> {
  if (context.format !== 'table') return context.print(Explanation.toJSON(explanation));
  const now = timeOfDay(new Date(context.io.nowMs()).toISOString());
  context.io.out(context.colorize('dim', `--- ${now}`));
  for (const line of explanationLines(explanation, context.colorize)) context.io.out(line);
}
