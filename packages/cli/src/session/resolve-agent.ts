import type { AgentCalls } from '@berth/client';
import type { Agent } from '@berth/shared/gen/berth/v1/agent_service';
import { BerthError } from '@berth/shared/model/errors/errors';
import { UsageError } from '../errors/usage-error.js';

/** A shorter prefix may fit by accident. */
const minPrefixLength = 4;

/**
 * Returns the id of the given agent: by its id, by the name of its host or instance, or by a prefix of its
 * id. A host with several agents is ambiguous.
 */
export async function resolveAgent(calls: AgentCalls, given: string): Promise<string> {
  const agents = await calls.listAgents();
  const byId = agents.filter(({ id }) => id === given);
  const byName = agents.filter(({ attributes: { host, instance } }) => host === given || instance === given);
  const byPrefix = given.length < minPrefixLength ? [] : agents.filter(({ id }) => id.startsWith(given));
  const fitting = [byId, byName, byPrefix].find((some) => some.length > 0) ?? [];
  const [only] = fitting;
  if (only === undefined)
    throw new BerthError(
      'notFound',
      `There is no agent ${JSON.stringify(given)}, neither by its id nor by the name of its host. ${knownText(agents)}`,
    );
  if (fitting.length === 1) return only.id;
  throw new UsageError(
    `${JSON.stringify(given)} may mean ${fitting.length} agents:`,
    fitting.map(({ id, attributes }) => `${id}  ${attributes.host ?? ''}`.trimEnd()),
  );
}

/** The maximum number of agents in an error. */
const maxKnown = 5;

function knownText(agents: readonly Agent[]): string {
  if (agents.length === 0) return 'The cell has no agents.';
  const shown = agents.slice(0, maxKnown).map(({ id }) => id);
  return `The cell has ${shown.join(', ')}${agents.length > maxKnown ? ', …' : ''}.`;
}
