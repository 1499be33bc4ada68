/** `berth agents`, `drain` and `undrain`. */
import type { AgentCalls } from '@berth/client';
import { Agent, GetAgentResponse } from '@berth/shared/gen/berth/v1/agent_service';
import { type Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { agentDetail, agentTable } from '../../format/placement/agents.js';
import { parseDurationMs } from '../../job-file/duration.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { resolveAgent } from '../../session/resolve-agent.js';
import { renderTable } from '../../terminal/table.js';

interface DrainOptions {
  /** Milliseconds. */
  readonly deadline?: number;
}

export function addAgents(program: Command, act: Act): void {
  const agents = program
    .command('agents')
    .description('list the agents of the cell, or show everything about one')
    .argument('[agent]', 'id of an agent, or the name of its host');
  agents.action((id: string | undefined) =>
    act(agents, (context) =>
      context.withAgents((calls) =>
        id === undefined ? listAgents(context, calls) : showAgent(context, calls, id),
      ),
    ),
  );
  const drain = program
    .command('drain')
    .description('let an agent take no more tasks, and move its service tasks to other agents')
    .argument(
      '<agent>',
      'id of an agent, or the name of its host; berth plan drain AGENT predicts the effect',
    )
    .option(
      '--deadline <time>',
      'time after which all remaining tasks move, batch tasks too, such as 1h',
      parseSpan,
    );
  drain.action((id: string, { deadline = 0 }: DrainOptions) =>
    act(drain, (context) => context.withAgents((calls) => drainAgent(context, calls, { id, deadline }))),
  );
  const undrain = program
    .command('undrain')
    .description('let a drained agent take tasks again')
    .argument('<agent>', 'id of an agent, or the name of its host');
  undrain.action((id: string) =>
    act(undrain, (context) => context.withAgents((calls) => undrainAgent(context, calls, id))),
  );
}

async function listAgents(context: Context, calls: AgentCalls): Promise<number> {
  const agents = await calls.listAgents();
  if (context.format !== 'table') await context.printAll(agents.map((agent) => Agent.toJSON(agent)));
  else {
    const { headings, rows } = agentTable(agents, context.io.nowMs());
    for (const line of renderTable(headings, rows, context.colorize)) context.io.out(line);
  }
  return exitCodes.ok;
}

async function showAgent(context: Context, calls: AgentCalls, id: string): Promise<number> {
  const answer = await calls.getAgent(await resolveAgent(calls, id));
  if (context.format !== 'table') await context.printAll(GetAgentResponse.toJSON(answer));
  else for (const line of agentDetail(answer, context.io.nowMs(), context.colorize)) context.io.out(line);
  return exitCodes.ok;
}

async function drainAgent(
  context: Context,
  calls: AgentCalls,
  { id: given, deadline }: { readonly id: string; readonly deadline: number },
): Promise<number> {
  const id = await resolveAgent(calls, given);
  const agent = await calls.drainAgent(id, { deadlineAfterMs: deadline });
  const end = deadline === 0 ? '' : ` until ${new Date(agent.drain?.deadlineAtMs ?? 0).toISOString()}`;
  return printChanged(context, agent, `${id} is drained; ${tasksText(agent.tasks)} on it${end}`);
}

async function undrainAgent(context: Context, calls: AgentCalls, given: string): Promise<number> {
  const id = await resolveAgent(calls, given);
  return printChanged(context, await calls.undrainAgent(id), `${id} takes tasks`);
}

async function printChanged(context: Context, agent: Agent, sentence: string): Promise<number> {
  if (context.format === 'table') context.io.out(sentence);
  else await context.printAll(Agent.toJSON(agent));
  return exitCodes.ok;
}

function tasksText(tasks: number): string {
  return `${tasks} task${tasks === 1 ? ' is' : 's are'}`;
}

function parseSpan(text: string): number {
  const spanMs = parseDurationMs(text);
  if (spanMs === undefined || spanMs === 0)
    throw new InvalidArgumentError('It must be a time such as 90s, 10m or 1h30m.');
  return spanMs;
}
