import { createImageResolver, type ImageSettings } from '@berth/registry';
import { resolutionLimitMs } from '@berth/shared/model/submission/image-pins';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { CellStore } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { FencedError, HistoryLostError, LeaderCommitter } from '../commit/leader-committer.js';
import { AutoscaleController } from '../controllers/autoscale-controller.js';
import type { Controller } from '../controllers/controller.js';
import { ImageController } from '../controllers/image-controller.js';
import { LivenessController } from '../controllers/liveness-controller.js';
import { RoundLoop } from '../controllers/round-loop.js';
import { ScheduleController } from '../controllers/schedule-controller.js';
import { SubscriptionController } from '../controllers/subscription-controller.js';
import type { Limits } from '../core/task/limits.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { allSettled } from '../primitives/all-settled.js';
import { PendingWork } from '../work/pending-work.js';
import { ReportReader } from '../work/report-reader.js';
import { watchClock } from './clock-watch.js';

/** The replica of a new leader has this long to take in all commits of its predecessor. */
const catchUpMs = 30_000;

/** The settings of an operator for a leader's loops. */
export interface LeaderSettings {
  readonly limits: Limits;
  /** An agent that is silent for this long is lost. */
  readonly agentTimeoutMs: number;
  /** Beyond this number the oldest finished jobs leave the replica. */
  readonly maxFinishedJobs: number;
  readonly scalingIntervalMs: number;
  /** Absent: the leader resolves no images. */
  readonly images?: ImageSettings;
}

interface LeaderParts {
  readonly settings: LeaderSettings;
  readonly store: CellStore;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly replica: Replica;
  readonly metrics: MasterMetrics;
  readonly epoch: number;
}

/** Runs everything that a leader does. It ends when the signal aborts, or with the first loop that fails. */
export async function runLeader(parts: LeaderParts, signal: AbortSignal): Promise<void> {
  try {
    await catchUp(parts, signal);
    for (;;) {
      await runLoops(parts, signal);
      if (signal.aborted) return;
      parts.log.warn('the clock was set back; the loops of the leader begin anew');
    }
  } catch (error) {
    if (error instanceof HistoryLostError)
      return parts.log.error(
        { err: error },
        'the store has lost acknowledged commits; leading anew on what it has',
      );
    if (!(error instanceof FencedError) && !signal.aborted) throw error;
    parts.log.info({ err: error }, 'the leadership is over');
  }
}

/** Waits until the replica holds all commits of earlier leaders. From now on only this epoch commits. */
async function catchUp({ store, replica }: LeaderParts, signal: AbortSignal): Promise<void> {
  const reader = store.openLogReader();
  try {
    await replica.waitForHead(await reader.head(), catchUpMs, signal);
  } finally {
    await reader.close();
  }
}

/** Runs the loops until the signal aborts, or the clock is set back. */
async function runLoops(parts: LeaderParts, signal: AbortSignal): Promise<void> {
  const { store, replica, settings } = parts;
  const { agentTimeoutMs, scalingIntervalMs } = settings;
  const inbox = store.openReportInbox();
  const committer = new LeaderCommitter(parts);
  const shared = { ...parts, committer, cell: replica };
  const { resolver, imageWait } = imageParts(parts);
  const reports: ReportReader = new ReportReader({ ...parts, inbox, onReports: () => rounds.wake() });
  const hasCaughtUp = () => reports.hasRead && reports.pending === 0;
  const rounds = roundLoop(parts, committer, reports);
  /** All loops of a leader that commit. */
  const controllers: readonly Controller[] = [
    rounds,
    new LivenessController({ ...shared, agentTimeoutMs }),
    new SubscriptionController(shared),
    new AutoscaleController({ ...shared, everyMs: scalingIntervalMs }),
    new ScheduleController({ ...shared, hasCaughtUp, ...imageWait }),
    new ImageController({ ...shared, resolver }),
  ];
  const changes = replica.changes$.subscribe((commit) => {
    for (const controller of controllers) controller.take(commit);
  });
  const ending = new AbortController();
  const end = () => ending.abort();
  const loopSignal = AbortSignal.any([signal, ending.signal]);
  try {
    await allSettled([
      ...[...controllers, reports].map((loop) => loop.run(loopSignal).finally(end)),
      watchClock(parts.clock, loopSignal).finally(end),
      onceAborted(loopSignal).then(() => inbox.close()),
    ]);
  } finally {
    changes.unsubscribe();
  }
}

/** Returns the resolver of images, if the settings ask for one. */
function imageParts({ settings, clock, log }: LeaderParts) {
  const { images } = settings;
  if (images === undefined || images.BERTH_IMAGE_RESOLUTION === 'off')
    return { resolver: undefined, imageWait: {} };
  // A run is not refused, so the leader never requires an answer.
  const lenient = {
    ...images,
    BERTH_IMAGE_RESOLUTION: 'best-effort' as const,
    BERTH_IMAGE_RESOLUTION_TIMEOUT: resolutionLimitMs,
  };
  const resolver = createImageResolver(lenient, { clock, log, asker: 'the leader' });
  return { resolver, imageWait: { imageWaitMs: resolutionLimitMs } };
}

function roundLoop(parts: LeaderParts, committer: LeaderCommitter, reports: ReportReader): RoundLoop {
  const { replica, settings } = parts;
  const { limits, maxFinishedJobs, agentTimeoutMs: patienceMs } = settings;
  const countsGroups = limits.guarantees !== undefined;
  const work = new PendingWork(replica, maxFinishedJobs, { countsGroups });
  return new RoundLoop({ ...parts, committer, work, reports, limits, patienceMs });
}

function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
