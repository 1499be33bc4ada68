/*
 * Measures the cost of sending every change to many subscribers. The contestants are ObserveJobs, the
 * stream of berth.v1, a server that encodes and writes each change for each subscriber, and etcd's watch,
 * alternating in one run. All send the same values, in the same bursts, to the same subscribers. Load,
 * server and subscribers are separate processes.
 */
import { startTestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';
import { atEnd } from './ending.js';
import { emptyRedis } from './observe/empty-redis.js';
import { type Figures, fanOutRows, noFigures } from './observe/fan-out-rows.js';
import { residentMb, type ServerProcess, startEach, startEtcd, startGateway } from './observe/processes.js';
import { burst, type LoadOrder, type StreamKind, valueBytes } from './observe/protocol.js';
import { measureResume } from './observe/resume.js';
import { type Ages, Stage } from './observe/stage.js';
import { Surroundings } from './observe/surroundings.js';
import { benchOptions, count, counts, someOf } from './options.js';
import { redisSettings } from './recommended.js';
import { atMost, type BenchRow, machineConditions, median, printReport } from './report.js';

const {
  rounds,
  subscribers: subscriberCounts,
  ...options
} = benchOptions('observe', {
  rounds: count('how often each contestant is measured', 3),
  subscribers: counts('to how many all is delivered', [1, 10, 100, 1_000]),
  events: count('events that are delivered in each measurement, to all subscribers together', 2_000_000),
  idle: count('streams on which nothing happens', 5_000),
  snapshotJobs: count('jobs of ten tasks that a full snapshot has', 10_000),
  contestants: someOf('who is measured', ['titus', 'berth', 'each', 'etcd']),
  only: someOf('what is measured', ['fanout', 'stall', 'idle', 'snapshot', 'pause', 'resume']),
});
const fewTasks = 160;
/** A large snapshot becomes garbage at once. Its collection would hide the cost of the stream. */
const oneJob = 10;
const changesPerSecondWhilePausing = 2_000;
const changesWhilePausing = 6_000;
/**
 * Servers, load and subscribers run for weeks in reality. So the measurement begins after their code is
 * compiled.
 */
const warmUp = { delivered: 1_000_000, least: 1_024, most: 100_000 } as const;
const minEvents = 2_048;
/**
 * A thousand subscribers get about 25 commits each second. Within three seconds one slow commit alone would
 * be the 99th percentile.
 */
const agesSeconds = 8;
const maxEvents = 120_000;
/** The number of pairs in each round: one measurement with a stalled subscriber and one without. */
const stallPairsPerRound = 10;

interface Contestant {
  /** The name for `--contestants`. */
  readonly key: 'titus' | 'berth' | 'each' | 'etcd';
  readonly name: string;
  readonly kind: StreamKind;
  readonly start: () => Promise<ServerProcess>;
  readonly target: (server: ServerProcess) => Extract<LoadOrder, { do: 'start' }>['target'];
}

const redis = await startTestRedis({ settings: redisSettings });
atEnd(() => redis.stop());
let cells = 0;
/** Of each measurement that others disturb, how many processors they used meanwhile. */
const othersCores: number[] = [];
const rows: BenchRow[] = [];

function contestants(): readonly Contestant[] {
  cells += 1;
  const cell = `bench${cells}`;
  const target = () => ({ kind: 'berth' as const, redisUrl: redis.url, cell });
  const all: readonly Contestant[] = [
    // First, since the others are also measured at its rate.
    {
      key: 'etcd',
      name: 'etcd',
      kind: 'etcd',
      start: startEtcd,
      target: ({ port }) => ({ kind: 'etcd' as const, port }),
    },
    { key: 'titus', name: 'ObserveJobs', kind: 'titus', start: () => startGateway(redis.url, cell), target },
    { key: 'berth', name: 'berth.v1', kind: 'berth', start: () => startGateway(redis.url, cell), target },
    {
      key: 'each',
      name: 'encode and write each',
      kind: 'titus',
      start: () => startEach(redis.url, cell),
      target,
    },
  ];
  return all.filter(({ key }) => options.contestants.has(key));
}

/** The gateway's own streams. */
function streams(): readonly Contestant[] {
  return contestants().filter(({ key }) => key === 'titus' || key === 'berth');
}

/** A server with its load and its subscribers for as long as `work` takes. */
async function onStage<T>(
  contestant: Contestant,
  tasks: number,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
  await emptyRedis(redis);
  const server = await contestant.start();
  const stage = new Stage(server, contestant.kind);
  try {
    await stage.startLoad({ do: 'start', target: contestant.target(server), tasks });
    return await work(stage);
  } finally {
    await stage.close();
    await server.stop();
  }
}

async function fanOut(): Promise<void> {
  const figures = new Map<string, Figures>();
  for (let round = 1; round <= rounds; round += 1)
    for (const contestant of contestants())
      await onStage(contestant, fewTasks, async (stage) => {
        for (const subscribers of subscriberCounts)
          await measureFanOut(stage, contestant.name, { subscribers, figures });
      });
  for (const subscribers of subscriberCounts) rows.push(...fanOutRows(figures, subscribers));
}

async function measureFanOut(
  stage: Stage,
  name: string,
  { subscribers, figures }: { readonly subscribers: number; readonly figures: Map<string, Figures> },
): Promise<void> {
  const key = `${name} ${subscribers}`;
  const own: Figures = figures.get(key) ?? noFigures();
  figures.set(key, own);
  await stage.open(subscribers);
  const isEach = name.startsWith('encode');
  const share = isEach ? 10 : 1;
  const warmUpEvents = Math.ceil(warmUp.delivered / share / subscribers);
  await stage.throughput(Math.min(warmUp.most, Math.max(warmUp.least, warmUpEvents)));
  const all = options.events / share;
  const surroundings = new Surroundings();
  const events = Math.min(maxEvents, Math.max(isEach ? 1_024 : minEvents, Math.ceil(all / subscribers)));
  const { perSecond, cpuMicros } = await stage.throughput(events);
  const { p50Ms, p99Ms } = await agesAt(stage, perSecond / subscribers / 2);
  const etcdPerSecond = name === 'etcd' ? perSecond : figures.get(`etcd ${subscribers}`)?.perSecond.at(-1);
  if (etcdPerSecond !== undefined && !isEach) {
    const same = await agesAt(stage, etcdPerSecond / subscribers / 2);
    own.p50SameMs.push(same.p50Ms);
    own.p99SameMs.push(same.p99Ms);
    progress(
      `${key}: at half of etcd's rate p50 ${same.p50Ms.toFixed(1)} ms, p99 ${same.p99Ms.toFixed(1)} ms`,
    );
  }
  const others = surroundings.othersCores();
  othersCores.push(others);
  await stage.closeStreams();
  own.perSecond.push(perSecond);
  own.cpuMicros.push(cpuMicros);
  own.p50Ms.push(p50Ms);
  own.p99Ms.push(p99Ms);
  progress(
    `${key}: ${Math.round(perSecond)} events/s, ${cpuMicros.toFixed(2)} µs of CPU each; at half that p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms (others used ${others.toFixed(2)} cores)`,
  );
}

function agesAt(stage: Stage, eventsPerSecond: number): Promise<Ages> {
  return stage.ages(Math.ceil(Math.max(burst * 8, eventsPerSecond * agesSeconds)), eventsPerSecond);
}

/**
 * Measures a hundred subscribers while one more reads like them, and while it does not read, in turn: the
 * machine's own speed changes.
 */
async function stall(): Promise<void> {
  const subscribers = 100;
  const events = Math.ceil(options.events / subscribers);
  for (const contestant of streams())
    await onStage(contestant, fewTasks, async (stage) => {
      const [before, during, ratios]: [number[], number[], number[]] = [[], [], []];
      const surroundings = new Surroundings();
      await stage.open(subscribers + 1);
      await stage.leaveOut(1);
      await stage.throughput(events * 4);
      for (let pair = 0; pair < rounds * stallPairsPerRound; pair += 1) {
        // The order within a pair alternates as well.
        const isStalledFirst = pair % 2 === 1;
        await stage.stall(isStalledFirst);
        const first = (await stage.throughput(events)).perSecond;
        await stage.stall(!isStalledFirst);
        const second = (await stage.throughput(events)).perSecond;
        const [free, stalled] = isStalledFirst ? [second, first] : [first, second];
        before.push(free / subscribers);
        during.push(stalled / subscribers);
        ratios.push(stalled / free);
      }
      await stage.closeStreams();
      const ratio = median(ratios);
      rows.push({
        case: `${contestant.name}: each of 100, beside one that is stalled`,
        value: Math.round(median(during)),
        unit: 'events/s',
        against: 'beside one that reads',
        againstValue: Math.round(median(before)),
        ratio: Number(ratio.toPrecision(3)),
        goal: 'ratio >= 0.95',
        holds: ratio >= 0.95,
      });
      const others = surroundings.othersCores();
      othersCores.push(others);
      progress(
        `${contestant.name}, beside one that is stalled: ${ratio.toFixed(3)} of the throughput, in pairs ${ratios.map((one) => one.toFixed(2)).join(' ')} (others used ${others.toFixed(2)} cores)`,
      );
    });
}

async function idle(): Promise<void> {
  const { idle: streamCount } = options;
  for (const contestant of streams())
    for (const [how, connections, limitKb] of [
      ['on connections of their own', streamCount, 40],
      ['on 10 connections', 10, 20],
    ] as const)
      await onStage(contestant, oneJob, async (stage) => {
        await stage.open(10);
        await stage.closeStreams();
        // The garbage of opening belongs to no stream. A busy gateway collects it now and then.
        await stage.server.collectGarbage?.();
        const beforeMb = residentMb(stage.server.pid);
        await stage.open(streamCount, connections);
        await stage.server.collectGarbage?.();
        const eachKb = ((residentMb(stage.server.pid) - beforeMb) * 1024) / streamCount;
        rows.push(
          atMost(`${contestant.name}: an idle stream of ${streamCount} ${how}`, eachKb, 'kB', limitKb),
        );
        progress(`${contestant.name}, ${streamCount} idle streams ${how}: ${eachKb.toFixed(1)} kB each`);
      });
}

async function snapshot(): Promise<void> {
  const jobs = options.snapshotJobs;
  for (const contestant of streams()) {
    const [limitMs, messages] = contestant.key === 'titus' ? [1_000, jobs] : [500, jobs * 12];
    await onStage(contestant, jobs * 10, async (stage) => {
      const times: number[] = [];
      const surroundings = new Surroundings();
      for (let round = 0; round < rounds; round += 1) {
        const beganMs = performance.now();
        const opened = stage.open(1);
        await waitFor(() => stage.received >= messages && Number.isFinite(stage.received), {
          what: 'the snapshot is there',
          timeoutMs: 60_000,
          intervalMs: 1,
        });
        times.push(performance.now() - beganMs);
        await opened;
        await stage.closeStreams();
      }
      rows.push(atMost(`${contestant.name}: snapshot of ${jobs * 10} tasks`, median(times), 'ms', limitMs));
      rows.push(
        atMost(`${contestant.name}: gateway at its peak`, residentMb(stage.server.pid, 'VmHWM'), 'MB', 800),
      );
      const others = surroundings.othersCores();
      othersCores.push(others);
      progress(
        `${contestant.name}: snapshot ${times.map(Math.round).join(', ')} ms (others used ${others.toFixed(2)} cores)`,
      );
    });
  }
}

/** Changes to a full cell go on while snapshots of it are sent. */
async function pause(): Promise<void> {
  const jobs = options.snapshotJobs;
  for (const contestant of streams())
    await onStage(contestant, jobs * 10, async (stage) => {
      const { pauses } = stage.server;
      if (pauses === undefined) return;
      await stage.open(1);
      pauses.begin();
      const surroundings = new Surroundings();
      const [stood, busy]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round += 1) {
        const changing = stage.change(changesWhilePausing, changesPerSecondWhilePausing);
        await stage.openMore(2);
        await changing;
        const { longestPauseMs, longestBusyMs } = await pauses.longest();
        stood.push(longestPauseMs);
        busy.push(longestBusyMs);
      }
      await stage.closeStreams();
      const name = `${contestant.name}: while snapshots of ${jobs * 10} tasks are sent, ${changesPerSecondWhilePausing} changes/s`;
      rows.push(atMost(`${name}: longest pause`, Math.max(...stood), 'ms', 20));
      rows.push(
        atMost(`${name}: longest pause, time without a processor aside`, Math.max(...busy), 'ms', 20),
      );
      const others = surroundings.othersCores();
      othersCores.push(others);
      progress(
        `${name}: pauses ${inMs(stood)}; of them busy ${inMs(busy)} (others used ${others.toFixed(2)} cores)`,
      );
    });
}

function inMs(times: readonly number[]): string {
  return `${times.map((ms) => ms.toFixed(1)).join(', ')} ms`;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  if (options.only.has('fanout')) await fanOut();
  if (options.only.has('stall')) await stall();
  if (options.only.has('idle')) await idle();
  if (options.only.has('snapshot')) await snapshot();
  if (options.only.has('pause')) await pause();
  if (options.only.has('resume'))
    rows.push(...(await measureResume({ redisUrl: redis.url, cell: 'resumed', rounds, progress })));
} finally {
  await redis.stop();
}
printReport({
  name: 'observe',
  conditions: {
    ...machineConditions(),
    ...redisSettings,
    rounds,
    burst,
    valueBytes,
    eventsDelivered: options.events,
    ...(othersCores.length === 0
      ? {}
      : {
          othersCoresMedian: Number(median(othersCores).toFixed(2)),
          othersCoresMost: Number(Math.max(...othersCores).toFixed(2)),
        }),
    parts: [...options.only].join(','),
  },
  rows,
});
