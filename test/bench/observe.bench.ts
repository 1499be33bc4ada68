/*
 * What it costs to tell many subscribers of every change: ObserveJobs, the stream of berth.v1, a server that encodes and writes
 * each change for each subscriber, and etcd's watch, alternating in one run. The same values, in the same bursts, to the same
 * subscribers; load, server and subscribers are processes of their own.
 */
import { parseArgs } from 'node:util';
import { startTestRedis } from '../support/redis.js';
import { waitFor } from '../support/wait-for.js';
import { residentMb, type ServerProcess, startEach, startEtcd, startGateway } from './observe/processes.js';
import { burst, type LoadOrder, type StreamKind, valueBytes } from './observe/protocol.js';
import { Stage } from './observe/stage.js';
import { atMost, type BenchRow, machineConditions, median, noted, printReport } from './report.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    subscribers: { type: 'string', default: '1,10,100,1000' },
    /** Events that are delivered in each measurement, to all subscribers together. */
    events: { type: 'string', default: '2000000' },
    idle: { type: 'string', default: '5000' },
    snapshotJobs: { type: 'string', default: '10000' },
    only: { type: 'string', default: 'fanout,stall,idle,snapshot' },
  },
});
const rounds = Number(options.rounds);
const subscriberCounts = options.subscribers.split(',').map(Number);
const parts = new Set(options.only.split(','));
const fewTasks = 160;
/** Beside a large snapshot, which is garbage at once, the stream itself would not be seen. */
const oneJob = 10;
const warmUpEvents = 1_024;
const minEvents = 2_048;
const maxEvents = 40_000;

interface Contestant {
  readonly name: string;
  readonly kind: StreamKind;
  readonly start: () => Promise<ServerProcess>;
  readonly target: (server: ServerProcess) => Extract<LoadOrder, { do: 'start' }>['target'];
}

interface Figures {
  readonly perSecond: number[];
  readonly cpuMicros: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const redis = await startTestRedis();
let cells = 0;
const rows: BenchRow[] = [];

function contestants(): readonly Contestant[] {
  cells += 1;
  const cell = `bench${cells}`;
  const target = () => ({ kind: 'berth' as const, redisUrl: redis.url, cell });
  return [
    { name: 'ObserveJobs', kind: 'titus', start: () => startGateway(redis.url, cell), target },
    { name: 'berth.v1', kind: 'berth', start: () => startGateway(redis.url, cell), target },
    { name: 'encode and write each', kind: 'titus', start: () => startEach(redis.url, cell), target },
    {
      name: 'etcd',
      kind: 'etcd',
      start: startEtcd,
      target: ({ port }) => ({ kind: 'etcd' as const, port }),
    },
  ];
}

/** A server with its load and its subscribers for as long as `work` takes. */
async function onStage<T>(
  contestant: Contestant,
  tasks: number,
  work: (stage: Stage) => Promise<T>,
): Promise<T> {
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
  for (const subscribers of subscriberCounts) reportFanOut(figures, subscribers);
}

async function measureFanOut(
  stage: Stage,
  name: string,
  { subscribers, figures }: { readonly subscribers: number; readonly figures: Map<string, Figures> },
): Promise<void> {
  const key = `${name} ${subscribers}`;
  const own: Figures = figures.get(key) ?? { perSecond: [], cpuMicros: [], p50Ms: [], p99Ms: [] };
  figures.set(key, own);
  await stage.open(subscribers);
  await stage.throughput(warmUpEvents);
  const isEach = name.startsWith('encode');
  const all = Number(options.events) / (isEach ? 10 : 1);
  const events = Math.min(maxEvents, Math.max(isEach ? 1_024 : minEvents, Math.ceil(all / subscribers)));
  const { perSecond, cpuMicros } = await stage.throughput(events);
  const rate = perSecond / subscribers / 2;
  const { p50Ms, p99Ms } = await stage.ages(Math.ceil(Math.max(burst * 8, rate * 3)), rate);
  await stage.closeStreams();
  own.perSecond.push(perSecond);
  own.cpuMicros.push(cpuMicros);
  own.p50Ms.push(p50Ms);
  own.p99Ms.push(p99Ms);
  progress(
    `${key}: ${Math.round(perSecond)} events/s, ${cpuMicros.toFixed(2)} µs of CPU each; at half that p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
  );
}

function reportFanOut(figures: ReadonlyMap<string, Figures>, subscribers: number): void {
  const of = (name: string, what: keyof Figures) =>
    median(figures.get(`${name} ${subscribers}`)?.[what] ?? []);
  const to = `to ${subscribers}`;
  const isGoal = subscribers >= 10;
  for (const [name, least] of [
    ['berth.v1', 1],
    ['ObserveJobs', 0.5],
  ] as const) {
    rows.push(
      atLeastTimes(`${name} ${to}`, of(name, 'perSecond'), {
        name: 'etcd',
        value: of('etcd', 'perSecond'),
        least,
        isGoal,
      }),
    );
    rows.push(
      atLeastTimes(`${name} ${to}`, of(name, 'perSecond'), {
        name: 'encode and write each',
        value: of('encode and write each', 'perSecond'),
        least: 10,
        isGoal,
      }),
    );
    rows.push(noted(`${name} ${to}: gateway CPU per event`, of(name, 'cpuMicros'), 'µs'));
    rows.push(noted(`${name} ${to} at half the rate: p50`, of(name, 'p50Ms'), 'ms'));
    const p99 = of(name, 'p99Ms');
    rows.push(atMost(`${name} ${to} at half the rate: p99`, p99, 'ms', 100));
    rows.push(noted(`etcd ${to} at half its rate: p99`, of('etcd', 'p99Ms'), 'ms'));
  }
}

function atLeastTimes(
  name: string,
  value: number,
  against: {
    readonly name: string;
    readonly value: number;
    readonly least: number;
    readonly isGoal: boolean;
  },
): BenchRow {
  const ratio = value / against.value;
  return {
    case: name,
    value: Math.round(value),
    unit: 'events/s',
    against: against.name,
    againstValue: Math.round(against.value),
    ratio: Number(ratio.toPrecision(3)),
    ...(against.isGoal ? { goal: `ratio >= ${against.least}`, holds: ratio >= against.least } : {}),
  };
}

/** One of a hundred subscribers reads nothing. */
async function stall(): Promise<void> {
  const subscribers = 100;
  const events = Math.ceil(Number(options.events) / subscribers);
  for (const contestant of contestants().slice(0, 2))
    await onStage(contestant, fewTasks, async (stage) => {
      const [before, during]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round += 1) {
        await stage.open(subscribers);
        await stage.throughput(events / 4);
        before.push((await stage.throughput(events)).perSecond / subscribers);
        await stage.stall(1);
        await stage.throughput(events / 4);
        during.push((await stage.throughput(events)).perSecond / (subscribers - 1));
        await stage.closeStreams();
      }
      const ratio = median(during) / median(before);
      rows.push({
        case: `${contestant.name}: each of 100, one of them stalled`,
        value: Math.round(median(during)),
        unit: 'events/s',
        against: 'none stalled',
        againstValue: Math.round(median(before)),
        ratio: Number(ratio.toPrecision(3)),
        goal: 'ratio >= 0.95',
        holds: ratio >= 0.95,
      });
      progress(`${contestant.name}, one of 100 stalled: ${ratio.toFixed(3)} of the throughput`);
    });
}

async function idle(): Promise<void> {
  const count = Number(options.idle);
  for (const contestant of contestants().slice(0, 2))
    for (const [how, connections, limitKb] of [
      ['on connections of their own', count, 40],
      ['on 10 connections', 10, 20],
    ] as const)
      await onStage(contestant, oneJob, async (stage) => {
        await stage.open(10);
        await stage.closeStreams();
        const beforeMb = residentMb(stage.server.pid);
        await stage.open(count, connections);
        const eachKb = ((residentMb(stage.server.pid) - beforeMb) * 1024) / count;
        rows.push(atMost(`${contestant.name}: an idle stream of ${count} ${how}`, eachKb, 'kB', limitKb));
        progress(`${contestant.name}, ${count} idle streams ${how}: ${eachKb.toFixed(1)} kB each`);
      });
}

async function snapshot(): Promise<void> {
  const jobs = Number(options.snapshotJobs);
  for (const [contestant, limitMs, messages] of [
    [contestants()[0], 1_000, jobs],
    [contestants()[1], 500, jobs * 12],
  ] as const) {
    if (contestant === undefined) continue;
    await onStage(contestant, jobs * 10, async (stage) => {
      const times: number[] = [];
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
      progress(`${contestant.name}: snapshot ${times.map(Math.round).join(', ')} ms`);
    });
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

try {
  if (parts.has('fanout')) await fanOut();
  if (parts.has('stall')) await stall();
  if (parts.has('idle')) await idle();
  if (parts.has('snapshot')) await snapshot();
} finally {
  await redis.stop();
}
printReport({
  name: 'observe',
  conditions: {
    ...machineConditions(),
    rounds,
    burst,
    valueBytes,
    eventsDelivered: Number(options.events),
    parts: options.only,
  },
  rows,
});
