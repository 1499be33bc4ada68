/*
 * Measures the share of a production cluster's GPUs that each policy allocates, by the protocol of the
 * paper that published the trace. Pods arrive in random order until they ask for 130 % of the GPUs, none
 * departs, and a pod that fits nowhere is dropped. Each arrival is one round of the real placement
 * function. Then come other lists of pods, and the trace at its own times on a few of its nodes. Ends with
 * 2 if the trace is missing.
 */
import { resolve } from 'node:path';
import { BlockIndex, isUnplaced, place } from '@berth/scheduler';
import { type FitPolicy, fitPolicies } from '@berth/shared/model/job/placement-preferences';
import { benchOptions, count, someOf } from './options.js';
import { type BenchRow, machineConditions, median, noted, printReport } from './report.js';
import { replay } from './trace/replay.js';
import { type Pod, randomFrom, readTrace, shuffled, type Trace } from './trace/trace.js';
import { variantsOf } from './trace/variants.js';

const {
  seeds,
  variants: variantSeeds,
  agents: fewAgents,
  policies: wantedPolicies,
} = benchOptions('trace', {
  seeds: count('orders in which the pods arrive', 10),
  policies: someOf('policies that are compared', fitPolicies),
  variants: count('orders of each of the other lists of pods; 0 leaves these out', 1, 0),
  agents: count('agents of the run with departures', 8),
});
const policies = fitPolicies.filter((policy) => wantedPolicies.has(policy));
/** Beside this repository, unless told. */
const folder = process.env.BERTH_TRACES ?? resolve(import.meta.dirname, '../../../../shared/traces');
const pressure = 1.3;

/** Figures of the paper for these pods, and the goals for Berth, in percent. */
const published: Readonly<
  Partial<Record<FitPolicy, { readonly name: string; readonly share: number; readonly goal: number }>>
> = {
  binpack: { name: 'best fit, published', share: 93.08, goal: 93.08 },
  fragmentation: { name: 'fragmentation gradient descent, published', share: 95.39, goal: 95.4 },
};

interface Run {
  readonly share: number;
  readonly microsPerPlacement: number;
}

/** Fills an empty cluster. Returns the share of its GPUs that is allocated in the end. */
function inflate(trace: Trace, policy: FitPolicy, seed: number): Run {
  const fleet = new BlockIndex();
  for (const agent of trace.agents) fleet.addAgent(agent);
  const arrivals = arrivalsOf(trace, seed);
  let allocated = 0;
  const before = process.cpuUsage();
  for (const [index, { task }] of arrivals.entries()) {
    const taskId = `task-${index}`;
    const [result] = [...place([{ ...task, taskId }], fleet, { policy, explains: () => false })];
    const agent = result === undefined || isUnplaced(result) ? undefined : fleet.find(result.agentId);
    if (agent === undefined || result === undefined || isUnplaced(result)) continue;
    const { jobId, resources } = task;
    fleet.take(agent, { taskId, jobId, resources, gpus: result.gpus, isExclusive: false });
    allocated += resources.gpuMillis;
  }
  const { user, system } = process.cpuUsage(before);
  return {
    share: (100 * allocated) / trace.gpuMillis,
    microsPerPlacement: (user + system) / arrivals.length,
  };
}

function arrivalsOf({ pods, gpuMillis }: Trace, seed: number): readonly Pod[] {
  const random = randomFrom(seed);
  const arrivals: Pod[] = [];
  let asked = 0;
  const arrive = (pod: Pod | undefined) => {
    if (pod === undefined || asked >= pressure * gpuMillis) return;
    arrivals.push(pod);
    asked += pod.task.resources.gpuMillis;
  };
  for (const pod of shuffled(pods, random)) arrive(pod);
  while (asked < pressure * gpuMillis) arrive(pods[Math.floor(random() * pods.length)]);
  return arrivals;
}

function rowsFor(policy: FitPolicy, runs: readonly Run[]): readonly BenchRow[] {
  const shares = runs.map(({ share }) => share);
  const mean = meanOf(shares);
  const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length);
  const paper = published[policy];
  const value = Number(mean.toFixed(2));
  return [
    {
      case: `${policy}: cards allocated when 130 % were asked for`,
      value,
      unit: '%',
      ...(paper && {
        against: paper.name,
        againstValue: paper.share,
        ratio: Number((mean / paper.share).toFixed(4)),
        goal: `>= ${paper.goal} %`,
        holds: value >= paper.goal,
      }),
    },
    noted(`${policy}: standard deviation over seeds`, deviation, '%'),
    noted(
      `${policy}: processor time per placement`,
      median(runs.map(({ microsPerPlacement }) => microsPerPlacement)),
      'µs',
    ),
  ];
}

/** On every list, room that stays of use has to come to more than room that is filled up closely. */
function variantRows(trace: Trace): readonly BenchRow[] {
  const seedsOf = Array.from({ length: variantSeeds }, (_, index) => index + 1);
  if (seedsOf.length === 0) return [];
  return variantsOf(trace.pods).map(({ name, pods }) => {
    const share = (policy: FitPolicy) =>
      meanOf(seedsOf.map((seed) => inflate({ ...trace, pods }, policy, seed).share));
    const [value, againstValue] = [share('fragmentation'), share('binpack')];
    return {
      case: `fragmentation, other pods: ${name}`,
      value: Number(value.toFixed(2)),
      unit: '%',
      against: 'binpack',
      againstValue: Number(againstValue.toFixed(2)),
      ratio: Number((value / againstValue).toFixed(4)),
      goal: 'ratio >= 1',
      holds: value >= againstValue,
    };
  });
}

function waitRows(trace: Trace, policy: FitPolicy): readonly BenchRow[] {
  const { pods, meanSeconds, waiting } = replay(trace, fewAgents, policy);
  const about = `${policy}, with departures, ${fewAgents} agents`;
  return [
    noted(`${about}: mean wait of ${pods} pods`, meanSeconds, 's'),
    noted(`${about}: never placed`, waiting, 'pods'),
  ];
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function main(): number {
  const trace = readTrace(folder);
  if (trace === undefined) {
    process.stderr.write(`The trace is not in ${folder}. Say where it is with BERTH_TRACES.\n`);
    return 2;
  }
  const runs = new Map(policies.map((policy) => [policy, [] as Run[]]));
  for (let seed = 1; seed <= seeds; seed += 1) {
    for (const policy of policies) runs.get(policy)?.push(inflate(trace, policy, seed));
  }
  printReport({
    name: 'trace',
    conditions: { ...machineConditions(), seeds, agents: trace.agents.length, pods: trace.pods.length },
    rows: [
      ...[...runs].flatMap(([policy, each]) => rowsFor(policy, each)),
      ...variantRows(trace),
      ...policies.flatMap((policy) => waitRows(trace, policy)),
    ],
  });
  return 0;
}

process.exitCode = main();
