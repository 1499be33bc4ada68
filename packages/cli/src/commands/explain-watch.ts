import type { BerthClient } from '@berth/client/berth-client';
import { Explanation } from '@berth/shared/gen/berth/v1/placement_service';
import type { Context } from '../context.js';
import { timeOfDay } from '../format/age.js';
import { exitCodes } from '../format/exit-code.js';
import { explanationLines } from '../format/placement.js';
import { findAllTasks } from '../listing.js';
import { resolve } from '../resolve-id.js';
import { UsageError } from '../usage-error.js';

/** Says why a task waits each time that this changes; ends with 0 when it waits no more. */
export async function watchExplain(context: Context, client: BerthClient, given: string): Promise<number> {
  const explanations = client.watchExplain(await waitingTask(client, given), { reconnect: 'onceConnected' });
  const { consume } = await import('../consume.js');
  const interrupt = new AbortController();
  const stopListening = context.io.onInterrupt(() => interrupt.abort());
  try {
    await consume(explanations, (explanation) => print(context, explanation), interrupt.signal);
    return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    stopListening();
  }
}

async function waitingTask(client: BerthClient, given: string): Promise<string> {
  const { kind, id } = await resolve(client, given);
  if (kind === 'task') return id;
  const waiting = (await findAllTasks(client, id)).find(({ state }) => (state?.state ?? 0) === 0);
  if (waiting === undefined) throw new UsageError(`No task of job ${id} waits for an agent.`);
  return waiting.id;
}

async function print(context: Context, explanation: Explanation): Promise<void> {
  if (context.format !== 'table') return context.print(Explanation.toJSON(explanation));
  const now = timeOfDay(new Date(context.io.nowMs()).toISOString());
  context.io.out(context.paint('dim', `--- ${now}`));
  for (const line of explanationLines(explanation, context.paint)) context.io.out(line);
}
