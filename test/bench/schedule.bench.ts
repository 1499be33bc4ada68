/*
 * Measures placement from end to end. The first figure is CreateJob at a gateway until DISPATCHED is
 * observed, beside the gates of kube-scheduler's scheduler_perf. The second is tasks per second from
 * CreateJob until RUNNING is observed, beside the million-container run that Nomad published. Redis (which
 * syncs its file at each write), master, gateway and simulated agents are separate processes. This process
 * is the caller and the subscriber.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { batch, type Descriptor, service, simulated } from '../support/callers/jobs.js';
import { TitusCaller } from '../support/callers/titus-caller.js';
import { waitFor } from '../support/process/wait-for.js';
import { amount, benchOptions, count, namesWith, partsOfNames } from './options.js';
import { redisSettings } from './recommended.js';
import { type BenchRow, machineConditions, median, noted, printReport } from './report.js';
import { Observer } from './schedule/observer.js';
import { stageFlags, startStage } from './schedule/stage.js';

const {
  agents,
  only: wanted,
  ...options
} = benchOptions('schedule', {
  agents: count('simulated agents', 5_000),
  processes: count('processes of the agents; each is a zone', 3),
  only: partsOfNames('cases that have one of these in their name; the rate that is kept up is `sustained`'),
  rounds: count('how often each case is played', 1),
  part: amount("a part of each case's tasks, up to 1", 1, 1),
  seconds: amount('how long the rate is kept up', 60),
  rate: amount('tasks per second that are asked for meanwhile', 4_000),
});
const caseMs = 180_000;
const settleMs = 300_000;
const inFlight = 16;
/** Tasks per second of Nomad's million containers, on five servers and 5,000 hosts. */
const published = 3_750;
/** How long a container of the rate that is kept up runs: long enough for some 40,000 of them at a time. */
const runMs = 10_000;

/**
 * scheduler_perf measures placement alone: nothing runs its pods. Here agents take the tasks at once, and
 * their containers start and stop with the delays of real ones.
 */
const startDelayMs = 1_000;
const stopDelayMs = 1_000;

/** scheduler_perf recreates a node, a pod and a service each second while it measures. */
const churnMs = 100;

interface Case {
  readonly name: string;
  /** Pods per second that scheduler_perf demands with 5,000 nodes. */
  readonly gate: number;
  /** Tasks that are to be placed. */
  readonly tasks: number;
  readonly jobs: (scale: number) => readonly Descriptor[];
  /** Goes other ways than the warm-up, and so is played once before it is measured. */
  readonly hasOwnWays?: true;
  /** The jobs that run already. */
  readonly before?: () => readonly Descriptor[];
  /** A job that is created and killed, again and again, meanwhile. */
  readonly churn?: () => Descriptor;
}

interface Asked {
  readonly hard?: Readonly<Record<string, string>>;
  readonly soft?: Readonly<Record<string, string>>;
  readonly expression?: string;
  readonly cpu?: string;
  readonly tier?: string;
}

function jobOf(
  tasks: number,
  { hard = {}, soft = {}, expression = '', cpu = '0.1', tier = 'flex' }: Asked = {},
): Descriptor {
  const container = {
    ...simulated({ startDelayMs }),
    resources: { cpu, memory: '256' },
    hardConstraints: { constraints: hard, expression },
    softConstraints: { constraints: soft },
  };
  return { ...service(container, { tasks }), labels: { 'berth.tier': tier } };
}

/** Jobs that leave no agent as much as half of its processors. */
function fillingJobs(): readonly Descriptor[] {
  const container = { ...simulated({ stopDelayMs }), resources: { cpu: '4', memory: '256' } };
  return Array.from({ length: Math.ceil(agents / 250) }, () => batch(container, { tasks: 500 }));
}

/** Jobs of so many tasks each. */
function jobsOf(tasks: number, perJob: number, asked?: Asked): Descriptor[] {
  return Array.from({ length: Math.max(1, Math.ceil(tasks / perJob)) }, () => jobOf(perJob, asked));
}

const hardSpread = { hard: { zoneBalance: 'true' } };

const cases: readonly Case[] = [
  { name: 'basic, 10,000 tasks', gate: 680, tasks: 10_000, jobs: (part) => jobsOf(10_000 * part, 500) },
  { name: 'basic, 50,000 tasks', gate: 810, tasks: 50_000, jobs: (part) => jobsOf(50_000 * part, 500) },
  {
    name: 'zone spread, hard, 5,000 tasks',
    gate: 460,
    tasks: 5_000,
    jobs: (part) => jobsOf(5_000 * part, 500, hardSpread),
  },
  {
    name: 'zone spread, soft, 5,000 tasks',
    gate: 340,
    tasks: 5_000,
    jobs: (part) => jobsOf(5_000 * part, 500, { soft: { zoneBalance: 'true' } }),
  },
  {
    name: 'unique host, 2,000 tasks',
    gate: 60,
    tasks: 2_000,
    jobs: (part) => jobsOf(2_000 * part, 500, { hard: { uniqueHost: 'true' } }),
  },
  {
    name: 'attribute affinity, 10,000 tasks',
    gate: 220,
    tasks: 10_000,
    jobs: (part) => jobsOf(10_000 * part, 500, { expression: 'zone in ("zone-1", "zone-9")' }),
  },
  {
    name: '200 unschedulable in front of 5,000 tasks',
    gate: 590,
    tasks: 5_000,
    jobs: (part) => [jobOf(200, { cpu: '9' }), ...jobsOf(5_000 * part, 500)],
  },
  {
    name: 'mixed, with churn, 10,000 tasks of 100 jobs',
    gate: 710,
    tasks: 10_000,
    jobs: (part) =>
      jobsOf(10_000 * part, 100).map((plain, index) => {
        const kinds = [plain, jobOf(100, hardSpread), jobOf(100, { soft: { zone: 'zone-1' } })];
        return kinds[index % kinds.length] ?? plain;
      }),
    churn: () => jobOf(10),
  },
  {
    name: 'preemption, 5,000 critical tasks on a full cell',
    gate: 570,
    tasks: 5_000,
    jobs: (part) => jobsOf(5_000 * part, 500, { cpu: '4', tier: 'critical' }),
    before: fillingJobs,
    hasOwnWays: true,
  },
];

const sustained = 'sustained';
const chosen = namesWith(wanted, [...cases.map(({ name }) => name), sustained]);
const stage = await startStage(agents, options.processes);
const caller = new TitusCaller(`127.0.0.1:${stage.port}`);
const observer = new Observer(stage.port);
const rows: BenchRow[] = [];

/** Creates all jobs, some at a time; resolves with their ids. */
async function createAll(jobs: readonly Descriptor[]): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const worker = async () => {
    for (let job = jobs[next]; job !== undefined; job = jobs[next]) {
      next += 1;
      ids.push(await caller.create(job, { deadlineMs: caseMs }));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return ids;
}

/** Placements per second, from sending the first CreateJob until the last task is seen DISPATCHED. */
async function play({ name, tasks, jobs, before, churn }: Case): Promise<number> {
  const part = options.part;
  const expected = tasks * part;
  observer.reset();
  const filled = before === undefined ? [] : await fill(name, before());
  const placed = new AbortController();
  const beganMs = performance.now();
  const churning = churn === undefined ? undefined : createAndKill(churn(), placed.signal);
  const ids = await createAll(jobs(part));
  await waitUntil(() => observer.progressOf(ids).placed >= expected, `${name}: all is placed`);
  const seconds = (performance.now() - beganMs) / 1000;
  placed.abort();
  await churning;
  await waitUntil(() => observer.progressOf(ids).running >= expected, `${name}: all runs`);
  for (const id of [...filled, ...ids]) await caller.kill(id);
  await waitUntil(() => observer.progressOf(ids).ended >= expected, `${name}: all has ended`);
  return expected / seconds;
}

/** Resolves with the ids of the jobs once all of their tasks run. */
async function fill(name: string, jobs: readonly Descriptor[]): Promise<readonly string[]> {
  const ids = await createAll(jobs);
  await waitUntil(() => observer.progressOf(ids).running >= jobs.length * 500, `${name}: the cell is full`);
  return ids;
}

async function createAndKill(job: Descriptor, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await caller.kill(await caller.create(job, { deadlineMs: caseMs }));
    await delay(churnMs);
  }
}

async function waitUntil(condition: () => boolean, what: string): Promise<void> {
  const isMet = () => {
    observer.check();
    return condition();
  };
  await waitFor(isMet, { what, timeoutMs: settleMs, intervalMs: 2 });
}

/**
 * Submits jobs at an even rate. Returns the running tasks per second, from the first CreateJob until the
 * last task runs.
 */
async function sustain(seconds: number, perSecond: number): Promise<number> {
  const tasksPerJob = 100;
  const jobs = Math.ceil((seconds * perSecond) / tasksPerJob);
  const descriptor = batch(
    { ...simulated({ runMs }), resources: { cpu: '0.1', memory: '32' } },
    { tasks: tasksPerJob },
  );
  observer.reset();
  const beganMs = performance.now();
  const ids: string[] = [];
  let next = 0;
  const worker = async () => {
    while (next < jobs) {
      const waitMs = beganMs + (next * tasksPerJob * 1000) / perSecond - performance.now();
      next += 1;
      if (waitMs > 1) await delay(waitMs);
      ids.push(await caller.create(descriptor, { deadlineMs: caseMs }));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  await waitUntil(() => observer.progressOf(ids).running >= jobs * tasksPerJob, 'the last task runs');
  return (jobs * tasksPerJob * 1000) / (performance.now() - beganMs);
}

async function playCases(): Promise<void> {
  for (const one of cases.filter(({ name }) => chosen.has(name))) {
    const rates: number[] = [];
    if (one.hasOwnWays) await play(one);
    const before = stage.cpu();
    for (let round = 0; round < options.rounds; round += 1) rates.push(await play(one));
    const value = median(rates);
    rows.push({
      ...compared(`${one.name}, created to DISPATCHED`, value, {
        name: 'kube-scheduler gate',
        value: one.gate,
      }),
      goal: 'ratio >= 10',
      holds: value >= 10 * one.gate,
    });
    noteCpu(one.name, before, one.tasks * options.part * options.rounds);
  }
}

async function playSustained(): Promise<void> {
  const [seconds, perSecond] = [options.seconds, options.rate];
  const before = stage.cpu();
  const value = await sustain(seconds, perSecond);
  rows.push({
    ...compared(`${sustained} for ${seconds} s, created to RUNNING`, value, {
      name: 'Nomad, published',
      value: published,
    }),
    goal: `>= ${published} tasks/s`,
    holds: value >= published,
  });
  noteCpu(sustained, before, seconds * perSecond);
}

function compared(
  name: string,
  value: number,
  against: { readonly name: string; readonly value: number },
): BenchRow {
  const ratio = Number((value / against.value).toPrecision(3));
  return {
    case: name,
    value: Math.round(value),
    unit: 'tasks/s',
    against: against.name,
    againstValue: against.value,
    ratio,
  };
}

/**
 * Notes each service's cost of a task from its creation to its end, without the other work of the machine.
 */
function noteCpu(name: string, before: ReadonlyMap<string, number>, tasks: number): void {
  for (const [service, seconds] of stage.cpu())
    rows.push(
      noted(`${name}: ${service}`, ((seconds - (before.get(service) ?? 0)) / tasks) * 1e6, 'µs/task'),
    );
}

try {
  await waitFor(() => observer.isOpen, { what: 'the stream is open' });
  // In production the master's code is compiled long before.
  await play({
    name: 'warm-up',
    gate: 0,
    tasks: 10_000,
    jobs: (part) => jobsOf(10_000 * part, 500),
  });
  await playCases();
  if (chosen.has(sustained)) await playSustained();
} finally {
  observer.close();
  await stage.close();
}
printReport({
  name: 'schedule',
  conditions: {
    ...machineConditions(),
    agents,
    agentProcesses: options.processes,
    containersStartInMs: startDelayMs,
    preemptedContainersStopInMs: stopDelayMs,
    nodeFlags: stageFlags.join(' '),
    appendfsync: 'always',
    ...redisSettings,
  },
  rows,
});
process.exit(0);
