/*
 * Measures placements per second of the pure function, against the gates that kube-scheduler holds itself
 * to in scheduler_perf. The measurement covers all of a master's placement work: rounds of a thousand
 * tasks, each planned, rolled back and booked. Reasons are counted for tasks that have to wait.
 */
import { loadavg } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { AgentIndex, QueuedTask } from '@berth/scheduler';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { benchOptions, count, counts, namesWith, partsOfNames } from './options.js';
import { agentFacts, makeFleet, makeTasks, playRound, roundSize, specWith } from './place/cell.js';
import { fillWithFlex, placeCritical } from './place/preemption.js';
import { type BenchRow, machineConditions, median, printReport } from './report.js';

const {
  rounds: repetitions,
  agents: sizes,
  only: wanted,
} = benchOptions('place', {
  rounds: count('how often each case is played', 3),
  agents: counts('how many agents the fleets have', [1_000, 5_000, 20_000]),
  only: partsOfNames('cases that have one of these in their name'),
});

interface Case {
  readonly name: string;
  /** Pods per second that scheduler_perf demands with 5,000 nodes. */
  readonly gate: number;
  readonly goal: { readonly perSecond: number } | { readonly timesGate: number };
  readonly leastAgents: number;
  /** Prepares the agents. The returned function is measured, and returns the number of placed tasks. */
  prepare(fleet: AgentIndex): () => number;
}

const anywhere = specWith();
const fiftyTimes = { timesGate: 50 };
const fast = { perSecond: 100_000 };

function simple(
  name: string,
  gate: number,
  more: Pick<Case, 'goal' | 'leastAgents'>,
  tasks: () => QueuedTask[],
): Case {
  return { name, gate, ...more, prepare: (fleet) => () => playAll(fleet, tasks()) };
}

/** Places all tasks in rounds; those that wait are tried again in each. */
function playAll(
  fleet: AgentIndex,
  tasks: readonly QueuedTask[],
  between: (round: number) => void = () => {},
): number {
  let waiting: readonly QueuedTask[] = [];
  let known = new Set<string>();
  let placed = 0;
  for (let at = 0, round = 0; at < tasks.length; at += roundSize, round += 1) {
    const outcome = playRound(fleet, [...waiting, ...tasks.slice(at, at + roundSize)], known);
    waiting = outcome.waiting;
    known = new Set(waiting.map(({ taskId }) => taskId));
    placed += outcome.placed;
    between(round);
  }
  return placed;
}

const cases: readonly Case[] = [
  simple('basic, 10,000 tasks', 680, { goal: fast, leastAgents: 1000 }, () => makeTasks(10_000, anywhere)),
  simple('basic, 50,000 tasks', 810, { goal: fast, leastAgents: 5000 }, () => makeTasks(50_000, anywhere)),
  simple('zone spread, hard, 5,000 tasks', 460, { goal: fiftyTimes, leastAgents: 1000 }, () =>
    makeTasks(5_000, specWith({ hard: { zoneBalance: 'true' } }), 'spread'),
  ),
  simple('zone spread, soft, 5,000 tasks', 340, { goal: fiftyTimes, leastAgents: 1000 }, () =>
    makeTasks(5_000, specWith({ soft: { zoneBalance: 'true' } }), 'spread'),
  ),
  simple('unique host, 2,000 tasks', 60, { goal: fiftyTimes, leastAgents: 5000 }, () =>
    makeTasks(2_000, specWith({ hard: { uniqueHost: 'true' } }), 'unique'),
  ),
  simple('attribute affinity, 10,000 tasks of 100 jobs', 220, { goal: fiftyTimes, leastAgents: 1000 }, () =>
    Array.from({ length: 100 }, (_, rack) =>
      makeTasks(
        100,
        specWith({ expression: `rack == "rack-${rack}" AND machineType like "m5.*"` }),
        `job-${rack}`,
      ),
    ).flat(),
  ),
  {
    name: '200 unschedulable in front of 5,000 tasks',
    gate: 590,
    goal: fiftyTimes,
    leastAgents: 1000,
    prepare: (fleet) => () => {
      const huge = makeTasks(200, anywhere, 'huge', () => ({
        ...zeroResources(),
        cpuMillis: 9_000,
        memoryMb: 1,
      }));
      return playAll(fleet, [...huge, ...makeTasks(5_000, anywhere)]);
    },
  },
  {
    name: 'mixed with churn, 10,000 tasks',
    gate: 710,
    goal: fiftyTimes,
    leastAgents: 1000,
    prepare: (fleet) => {
      playAll(fleet, makeTasks(5_000, anywhere, 'before'));
      return () => playAll(fleet, mixedTasks(), (round) => churn(fleet, round));
    },
  },
  {
    name: 'preemption, 5,000 tasks with three victims each',
    gate: 570,
    goal: fiftyTimes,
    leastAgents: 5000,
    prepare: (fleet) => {
      fillWithFlex(fleet);
      return () => placeCritical(fleet, 5_000);
    },
  },
];

function mixedTasks(): QueuedTask[] {
  const kinds = [
    anywhere,
    specWith({ hard: { zoneBalance: 'true' } }),
    specWith({ soft: { zone: 'zone-1' } }),
    specWith({ expression: 'zone in ("zone-0", "zone-2")' }),
  ];
  return Array.from({ length: 100 }, (_, job) => {
    const spec = kinds[job % kinds.length] ?? anywhere;
    return makeTasks(100, spec, `mixed-${job}`);
  }).flat();
}

/** Ten agents leave and come back empty; the tasks of a hundred others end. */
function churn(fleet: AgentIndex, round: number): void {
  for (let each = 0; each < 10; each += 1) fleet.addAgent(agentFacts((round * 10 + each) % fleet.size));
  for (let each = 0; each < 100; each += 1) {
    const agent = fleet.find(agentFacts((round * 100 + each + 500) % fleet.size).id);
    for (const taskId of [...(agent?.bookings.keys() ?? [])])
      if (agent !== undefined) fleet.give(agent, taskId);
  }
}

setFlagsFromString('--expose-gc');
const collectGarbage: (how: { type: 'minor' }) => void = runInNewContext('gc');

/**
 * Returns placements per second of processor time, with the collector's time: other users of the machine do
 * not count. The garbage from building the index is not part of it: a master builds its index once, at its
 * start.
 */
function measure({ prepare }: Case, agents: number): { readonly perSecond: number; readonly placed: number } {
  const act = prepare(makeFleet(agents));
  // Two minor collections make all live objects old. A major one would also discard compiler feedback.
  for (let each = 0; each < 2; each += 1) collectGarbage({ type: 'minor' });
  const before = process.cpuUsage();
  const placed = act();
  const { user, system } = process.cpuUsage(before);
  return { perSecond: placed / ((user + system) / 1e6), placed };
}

function rowFor(one: Case, agents: number, perSecond: number): BenchRow {
  const ratio = perSecond / one.gate;
  const isGoal = agents === 5000;
  const least = 'perSecond' in one.goal ? one.goal.perSecond : one.goal.timesGate * one.gate;
  return {
    case: `${one.name}, ${agents} agents`,
    value: Math.round(perSecond),
    unit: 'placements/s',
    against: 'kube-scheduler gate',
    againstValue: one.gate,
    ratio: Number(ratio.toPrecision(3)),
    ...(isGoal ? { goal: `>= ${least}/s`, holds: perSecond >= least } : {}),
  };
}

function main(): void {
  const chosen = namesWith(
    wanted,
    cases.map(({ name }) => name),
  );
  const all = cases
    .filter(({ name }) => chosen.has(name))
    .flatMap((one) => sizes.filter((size) => size >= one.leastAgents).map((agents) => ({ one, agents })));
  const measured = all.map(() => [] as number[]);
  // The first time warms up the compiler; then the cases alternate.
  for (let repetition = 0; repetition <= repetitions; repetition += 1) {
    for (const [index, { one, agents }] of all.entries()) {
      const { perSecond, placed } = measure(one, agents);
      if (placed === 0) throw new Error(`${one.name}: nothing was placed`);
      if (repetition > 0) measured[index]?.push(perSecond);
    }
  }
  printReport({
    name: 'place',
    conditions: {
      ...machineConditions(),
      rounds: repetitions,
      tasksPerRound: roundSize,
      requests: 20,
      load: loadavg()[0] ?? 0,
    },
    rows: all.map(({ one, agents }, index) => rowFor(one, agents, median(measured[index] ?? []))),
  });
}

main();
