/**
 * Measures subscribers that come back: the time until they get the missed changes, and the pauses of the
 * gateway in that time.
 */

import { type LogHead, openStore } from '@berth/store';
import { waitFor } from '../../support/process/wait-for.js';
import { atMost, type BenchRow, median, noted } from '../report.js';
import { startGateway } from './processes.js';
import { Stage } from './stage.js';

/** As many commits as the log of this benchmark holds for certain. */
const missedEvents = 24_000;
const eventsPerSecond = 20_000;
const tasks = 160;
const maxPauseMs = 20;
const patienceMs = 60_000;

export interface ResumeOptions {
  readonly redisUrl: string;
  readonly cell: string;
  readonly rounds: number;
  readonly progress: (line: string) => void;
}

/** From the memory of the gateway that has seen it all, and from the log, by one that has just started. */
export async function measureResume({
  redisUrl,
  cell,
  rounds,
  progress,
}: ResumeOptions): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  const seeing = await startGateway(redisUrl, cell);
  const stage = new Stage(seeing, 'berth');
  await stage.startLoad({ do: 'start', target: { kind: 'berth', redisUrl, cell }, tasks });
  const from = await headOf(redisUrl, cell);
  await stage.change(missedEvents, eventsPerSecond);
  await stage.close();
  const upTo = (await headOf(redisUrl, cell)).revision - from.revision;
  for (const [where, server] of [
    ['from memory', seeing],
    ['from the log', await startGateway(redisUrl, cell)],
  ] as const) {
    const [times, pauses]: [number[], number[]] = [[], []];
    const returning = new Stage(server, 'berth');
    // The subscribers' process has to come up first.
    await returning.open(1);
    await returning.closeStreams();
    for (let round = 0; round < rounds; round += 1) {
      const { ms, pauseMs } = await resumeOnce(returning, from);
      times.push(ms);
      pauses.push(pauseMs);
    }
    await returning.close();
    const name = `berth.v1: the ${upTo} missed commits arrive ${where}`;
    rows.push(noted(name, median(times), 'ms'));
    rows.push(atMost(`${name}: longest pause`, Math.max(...pauses), 'ms', maxPauseMs));
    progress(
      `${name} in ${times.map(Math.round).join(', ')} ms, pauses ${pauses.map((ms) => ms.toFixed(1)).join(', ')} ms`,
    );
    await server.stop();
  }
  return rows;
}

async function resumeOnce(
  stage: Stage,
  from: LogHead,
): Promise<{ readonly ms: number; readonly pauseMs: number }> {
  const { pauses } = stage.server;
  pauses?.begin();
  const beganMs = performance.now();
  const opened = stage.openMore(1, from);
  await waitFor(() => Number.isFinite(stage.received) && stage.received >= missedEvents, {
    what: 'all missed changes arrive',
    timeoutMs: patienceMs,
    intervalMs: 1,
  });
  const ms = performance.now() - beganMs;
  await opened;
  const pause = await pauses?.longest();
  await stage.closeStreams();
  return { ms, pauseMs: pause?.longestPauseMs ?? Number.NaN };
}

async function headOf(url: string, cell: string): Promise<LogHead> {
  const store = await openStore({ url, cell });
  try {
    return await store.openLogReader().head();
  } finally {
    await store.close();
  }
}
