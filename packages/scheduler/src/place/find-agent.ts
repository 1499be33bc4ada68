import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { SearchPurpose } from '../index/agent-index.js';
import type { Preference } from '../request/placement-spec.js';
import { avoiding, countSatisfied, satisfies } from '../score/preferences.js';
import type { TaskSearch } from './search-for.js';

type AgentTest = (agent: AgentInfo) => boolean;

const anyAgent: AgentTest = () => true;

/**
 * The best agent for the next task of a class. First come the filters: only agents that fit and pass all of
 * them remain. Then come the preferences: the agents that satisfy most of them remain. Then comes the scorer.
 * Undefined only if no agent passes the filters.
 */
export function findAgent(search: TaskSearch): AgentInfo | undefined {
  const { request, failedOn, scorer } = search;
  const costOf = scorer.costFor(request);
  const { preferences } = request.spec;
  const all = failedOn === undefined ? preferences : [...preferences, avoiding(failedOn)];
  if (costOf !== undefined) return findByCost(search, all, costOf);
  if (failedOn !== undefined) return findByPreferences(search, all);
  if (all.length === 0) return findFirst(search, 'feasible', anyAgent);
  const preferred = findPreferred(search);
  if (preferred !== undefined) return preferred;
  return all.length === 1 ? findFirst(search, 'feasible', anyAgent) : findByPreferences(search, all);
}

/** The first agent that satisfies every preference. */
function findPreferred(search: TaskSearch): AgentInfo | undefined {
  const { request } = search;
  const { domains, others } = request.preferenceStages;
  const test: AgentTest = (agent) => others.every((preference) => satisfies(agent, preference, request));
  return domains === undefined
    ? findFirst(search, 'preferred', test)
    : firstInDomains(search, domains, { purpose: 'preferred', test });
}

/** The first agent that passes the filters and the test. */
function findFirst(search: TaskSearch, purpose: SearchPurpose, test: AgentTest): AgentInfo | undefined {
  const { request } = search;
  return request.domains === undefined
    ? firstIn(search, undefined, { purpose, test: (agent) => request.isFeasible(agent) && test(agent) })
    : firstInDomains(search, request.domains, { purpose, test });
}

interface Purpose {
  readonly purpose: SearchPurpose;
  readonly test: AgentTest;
}

/** Searches each open domain by itself: the open ones change all the time, but the agents inside do not. */
function firstInDomains(
  search: TaskSearch,
  domains: NonNullable<EquivalenceClass['domains']>,
  { purpose, test }: Purpose,
): AgentInfo | undefined {
  const { index, request, scorer } = search;
  let best: AgentInfo | undefined;
  for (const domain of domains.open(request)) {
    const found = firstIn(search, domain, {
      purpose,
      test: (agent) => domains.of(agent) === domain && request.isFeasible(agent) && test(agent),
    });
    if (found !== undefined && (best === undefined || index.isBefore(scorer.ordering, found, best)))
      best = found;
  }
  return best;
}

function firstIn(
  { index, request, scorer }: TaskSearch,
  domain: string | undefined,
  { purpose, test }: Purpose,
): AgentInfo | undefined {
  const canResume =
    !request.looksElsewhereInDomain && (purpose === 'feasible' || !request.preferenceStages.lookElsewhere);
  return index.first({ request, ordering: scorer.ordering, purpose, domain, canResume, test });
}

/** Looks at every agent that fits, and stops early only if no better one can follow. */
function findByPreferences(search: TaskSearch, preferences: readonly Preference[]): AgentInfo | undefined {
  const { index, request, scorer } = search;
  const isMatch = matcher(request);
  let best: AgentInfo | undefined;
  let most = -1;
  index.visit(scorer.ordering, request.resources, (agent) => {
    if (!isMatch(agent)) return true;
    const satisfied = countSatisfied(agent, preferences, request);
    if (satisfied > most) {
      best = agent;
      most = satisfied;
    }
    return most < preferences.length;
  });
  return best;
}

/** Looks at every agent that fits. */
function findByCost(
  { index, request, scorer }: TaskSearch,
  preferences: readonly Preference[],
  costOf: (agent: AgentInfo) => number,
): AgentInfo | undefined {
  const isMatch = matcher(request);
  let best: AgentInfo | undefined;
  let most = -1;
  let least = Number.POSITIVE_INFINITY;
  index.visit(scorer.ordering, request.resources, (agent) => {
    if (!isMatch(agent)) return true;
    const satisfied = countSatisfied(agent, preferences, request);
    if (satisfied < most) return true;
    const cost = costOf(agent);
    if (satisfied > most || cost < least) {
      best = agent;
      most = satisfied;
      least = cost;
    }
    return true;
  });
  return best;
}

/** True for agents that pass the filters; the open domains are found once for the whole search. */
function matcher(request: EquivalenceClass): AgentTest {
  const { domains } = request;
  if (domains === undefined) return (agent) => request.isFeasible(agent);
  const open = new Set(domains.open(request));
  return (agent) => open.has(domains.of(agent)) && request.isFeasible(agent);
}
