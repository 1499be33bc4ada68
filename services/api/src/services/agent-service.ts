/** berth.v1.AgentService: reads the agents with their tasks, and drains them. */
import {
  Agent,
  type AgentServiceServer,
  AgentTask,
  type DrainAgentRequest,
  AgentServiceService as definition,
  type GetAgentResponse,
  type ListAgentsRequest,
  type ListAgentsResponse,
} from '@berth/shared/gen/berth/v1/agent_service';
import { AgentDrainRecord, type AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { type FieldViolation, notFound } from '@berth/shared/model/errors/errors';
import { type CallContext, type CallOptions, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import type { Write } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import type { Cell } from '../gateway/cell.js';
import { maxAnswerBytes } from '../gateway/core/limits.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import { countFitting, fittingItems, omittedTasksKey } from '../queries/core/answer-size.js';
import type { LiveLedger } from '../queries/live-ledger.js';
import { agentMessage, agentTaskMessage } from './core/agent-messages.js';

const standardPageSize = 500;
const maxPageSize = 2_000;

/** A drain with a later deadline needs none. */
const longestDeadlineMs = 30 * 24 * 3600 * 1000;

/** The dependencies of the service. */
interface AgentServiceDeps {
  readonly cell: Cell;
  readonly ledger: LiveLedger;
}

export function agentService(deps: AgentServiceDeps, options: CallOptions): GrpcService {
  const { cell } = deps;
  const call = <Req, Res>(answer: (request: Req, call: CallContext) => Promise<Res>) =>
    unary<Req, Res>(answer, options);
  const implementation = withUnimplemented<AgentServiceServer>(
    definition,
    {
      listAgents: call(async (request, context) => listAgents(deps, request, await cell.read(context))),
      getAgent: call(({ id }, context) => getAgent(deps, id, context)),
      drainAgent: call(async (request: DrainAgentRequest, context) => ({
        agent: await drainAgent(deps, request, context),
      })),
      undrainAgent: call(async ({ id }, context) => ({ agent: await undrainAgent(deps, id, context) })),
    },
    options,
  );
  return { definition, implementation };
}

function listAgents(
  { ledger }: AgentServiceDeps,
  { pageSize, after }: ListAgentsRequest,
  view: Replica,
): ListAgentsResponse {
  const description = `is ${pageSize}, but must be at most ${maxPageSize}`;
  refuseIf(pageSize > maxPageSize ? [{ field: 'page_size', description }] : []);
  const ids = [...view.all('agent')].map(({ id }) => id).sort();
  const from = ids.findIndex((id) => id > after);
  const page = from < 0 ? [] : ids.slice(from, from + (pageSize || standardPageSize));
  const all = page.flatMap((id) => {
    const agent = view.find('agent', id)?.record;
    return agent === undefined ? [] : [agentMessage(agent, counted(ledger, id), view)];
  });
  const bytesOf = (agent: Agent) => Agent.encode(agent).finish().length;
  const agents = all.slice(0, fittingItems(all, { atMost: bytesOf, exactly: bytesOf }));
  const last = agents.at(-1)?.id;
  return {
    agents,
    nextAfter: last !== undefined && last !== ids.at(-1) ? last : '',
    total: ids.length,
  };
}

function counted(ledger: LiveLedger, id: string): Parameters<typeof agentMessage>[1] {
  return { tasks: ledger.tasksOn(id), avoidance: ledger.avoidanceOf(id) };
}

/** Returns the agent and its tasks. A trailer has the number of those that the answer does not hold. */
async function getAgent(
  { cell, ledger }: AgentServiceDeps,
  id: string,
  call: CallContext,
): Promise<GetAgentResponse> {
  const view = await cell.read(call);
  const known = requireAgent(view, id);
  const agent = agentMessage(known, counted(ledger, id), view);
  const tasks = ledger.tasksOn(id).map(agentTaskMessage);
  const restBytes = maxAnswerBytes - Agent.encode(agent).finish().length;
  const kept = countFitting(tasks, (task) => AgentTask.encode(task).finish().length, restBytes);
  if (kept < tasks.length) call.setTrailer(omittedTasksKey, String(tasks.length - kept));
  return { agent, tasks: tasks.slice(0, kept) };
}

/**
 * Drains an agent. A repeated request keeps the time and the caller of the first one, and may change the
 * deadline.
 */
async function drainAgent(
  deps: AgentServiceDeps,
  { id, deadlineAfterMs }: DrainAgentRequest,
  call: CallContext,
): Promise<Agent> {
  refuseIf(deadlineViolations(deadlineAfterMs));
  const nowMs = deps.cell.clock.nowMs();
  const deadlineAtMs = deadlineAfterMs === 0 ? 0 : nowMs + deadlineAfterMs;
  return changeDrain(deps, { id, call }, (known) =>
    AgentDrainRecord.create({
      agentId: id,
      wish: known?.wish ?? { atMs: nowMs, by: call.caller.id },
      deadlineAtMs,
    }),
  );
}

function undrainAgent(deps: AgentServiceDeps, id: string, call: CallContext): Promise<Agent> {
  return changeDrain(deps, { id, call }, () => undefined);
}

interface DrainTarget {
  readonly id: string;
  readonly call: CallContext;
}

/** Writes the agent's drain, or removes it for undefined. Returns the agent as it is then. */
async function changeDrain(
  { cell, ledger }: AgentServiceDeps,
  { id, call }: DrainTarget,
  wanted: (known: AgentDrainRecord | undefined) => AgentDrainRecord | undefined,
): Promise<Agent> {
  await cell.update(call, (view) => {
    requireAgent(view, id);
    const known = view.find('agentDrain', id);
    const record = wanted(known?.record);
    if (record === undefined && known === undefined) return undefined;
    const write: Write = {
      kind: 'agentDrain',
      id,
      ...(record && { record }),
      expectedRevision: known?.revision ?? 0,
    };
    return { writes: [write] };
  });
  const view = await cell.read(call);
  return agentMessage(requireAgent(view, id), counted(ledger, id), view);
}

function deadlineViolations(deadlineAfterMs: number): readonly FieldViolation[] {
  if (deadlineAfterMs <= longestDeadlineMs) return [];
  return [{ field: 'deadline_after_ms', description: 'is longer than 30 days' }];
}

/** Returns the agent, or fails with NOT_FOUND. */
function requireAgent(view: Replica, id: string): AgentRecord {
  refuseIf(idViolations('id', id));
  const agent = view.find('agent', id)?.record;
  if (agent === undefined) throw notFound('agent', id);
  return agent;
}
