import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { SearchDomains } from '../filters/filter.js';
import type { SearchPurpose } from '../index/agent-index.js';
import type { Preference } from '../request/placement-spec.js';
import { zonesOfJob } from '../score/job-spread.js';
import { avoiding, countSatisfied, satisfies } from '../score/preferences.js';
import type { TaskSearch } from './search-for.js';

type AgentTest = (agent: AgentInfo) => boolean;

const anyAgent: AgentTest = () => true;

/**
 * The best agent for the next task of a class. First come the filters: only agents that fit and pass all of
 * them remain. Then come the preferences: the agents that satisfy most of them remain. Then comes the spread
 * of the job, then the scorer. Undefined only if no agent passes the filters.
 */
export function findAgent(search: TaskSearch): AgentInfo | undefined {
  const { request, failedOn, scorer } = search;
  const costOf = scorer.costFor(request);
  const { preferences } = request.spec;
  const all = failedOn === undefined ? preferences : [...preferences, avoiding(failedOn)];
  if (costOf !== undefined) return findByCost(search, all, costOf);
  if (failedOn !== undefined) return findByPreferences(search, all);
  if (all.length === 0) return findFirst(search, { purpose: 'feasible', test: anyAgent });
  const preferred = findPreferred(search);
  if (preferred !== undefined) return preferred;
  return all.length === 1
    ? findFirst(search, { purpose: 'feasible', test: anyAgent })
    : findByPreferences(search, all);
}

/** The first agent that satisfies every preference. */
function findPreferred(search: TaskSearch): AgentInfo | undefined {
  const request = requestOf(search);
  const { domains, others } = request.preferenceStages;
  const test: AgentTest = (agent) => others.every((preference) => satisfies(agent, preference, request));
  return findFirst(search, { purpose: 'preferred', test }, domains);
}

/** The class that the search is for: that of the job alone if the job is spread. */
function requestOf({ spread, request }: TaskSearch): EquivalenceClass {
  return spread?.request ?? request;
}

interface Purpose {
  readonly purpose: SearchPurpose;
  readonly test: AgentTest;
}

/** The same for agents with at most so many tasks of the job. */
interface LevelPurpose extends Purpose {
  readonly level?: number;
}

/** The first agent that passes the filters and the test. A job that is spread takes the least level. */
function findFirst(
  search: TaskSearch,
  wanted: Purpose,
  domains: SearchDomains | undefined = requestOf(search).domains,
): AgentInfo | undefined {
  const { spread } = search;
  if (spread === undefined) return firstOf(search, wanted, domains);
  for (const level of spread.levels()) {
    const test: AgentTest = (agent) => spread.tasksOn(agent) <= level && wanted.test(agent);
    const ofLevel = { purpose: wanted.purpose, level, test };
    const inZone = domains === undefined ? firstOf(search, ofLevel, zonesOfJob) : undefined;
    const found = inZone ?? firstOf(search, ofLevel, domains);
    if (found !== undefined) return found;
  }
  return undefined;
}

function firstOf(
  search: TaskSearch,
  wanted: LevelPurpose,
  domains: SearchDomains | undefined,
): AgentInfo | undefined {
  const request = requestOf(search);
  if (domains !== undefined) return firstInDomains(search, domains, wanted);
  const test: AgentTest = (agent) => request.isFeasible(agent) && wanted.test(agent);
  return firstIn(search, undefined, { ...wanted, test });
}

/** Searches each open domain by itself: the open ones change all the time, but the agents inside do not. */
function firstInDomains(
  search: TaskSearch,
  domains: SearchDomains,
  wanted: LevelPurpose,
): AgentInfo | undefined {
  const { index, scorer } = search;
  const request = requestOf(search);
  let best: AgentInfo | undefined;
  for (const domain of domains.open(request)) {
    const found = firstIn(search, domain, {
      ...wanted,
      test: (agent) => domains.of(agent) === domain && request.isFeasible(agent) && wanted.test(agent),
    });
    if (found !== undefined && (best === undefined || index.isBefore(scorer.ordering, found, best)))
      best = found;
  }
  return best;
}

function firstIn(
  search: TaskSearch,
  domain: string | undefined,
  { purpose, test, level }: LevelPurpose,
): AgentInfo | undefined {
  const { index, scorer } = search;
  const request = requestOf(search);
  const canResume =
    !request.looksElsewhereInDomain && (purpose === 'feasible' || !request.preferenceStages.lookElsewhere);
  return index.first({ request, ordering: scorer.ordering, purpose, domain, level, canResume, test });
}

const noRank = (): number => 0;

/** Looks at every agent that fits, and stops early only if no better one can follow. */
function findByPreferences(search: TaskSearch, preferences: readonly Preference[]): AgentInfo | undefined {
  const { index, scorer } = search;
  const request = requestOf(search);
  const isMatch = matcher(request);
  const rankOf = search.spread?.ranking() ?? noRank;
  let best: AgentInfo | undefined;
  let most = -1;
  let least = Number.POSITIVE_INFINITY;
  index.visit(scorer.ordering, request.resources, (agent) => {
    if (!isMatch(agent)) return true;
    const satisfied = countSatisfied(agent, preferences, request);
    if (satisfied < most) return true;
    const rank = rankOf(agent);
    if (satisfied > most || rank < least) {
      best = agent;
      most = satisfied;
      least = rank;
    }
    return most < preferences.length || least > 0;
  });
  return best;
}

/** Looks at every agent that fits. */
function findByCost(
  search: TaskSearch,
  preferences: readonly Preference[],
  costOf: (agent: AgentInfo) => number,
): AgentInfo | undefined {
  const { index, scorer } = search;
  const request = requestOf(search);
  const isMatch = matcher(request);
  const rankOf = search.spread?.ranking() ?? noRank;
  let best: AgentInfo | undefined;
  let most = -1;
  let leastRank = Number.POSITIVE_INFINITY;
  let leastCost = Number.POSITIVE_INFINITY;
  index.visit(scorer.ordering, request.resources, (agent) => {
    if (!isMatch(agent)) return true;
    const satisfied = countSatisfied(agent, preferences, request);
    const rank = rankOf(agent);
    if (satisfied < most || (satisfied === most && rank > leastRank)) return true;
    const cost = costOf(agent);
    if (satisfied > most || rank < leastRank || cost < leastCost) {
      best = agent;
      most = satisfied;
      leastRank = rank;
      leastCost = cost;
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
