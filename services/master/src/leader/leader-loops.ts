import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { CellStore } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { limitsOf, type MasterConfig } from '../config.js';
import { AutoscaleWatch } from '../controllers/autoscale-controller.js';
import { LivenessWatch } from '../controllers/liveness-controller.js';
import { FencedError, Term } from '../controllers/round-loop.js';
import { ScheduleWatch } from '../controllers/schedule-controller.js';
import { SubscriptionWatch } from '../controllers/subscription-controller.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { Agenda } from '../work/pending-work.js';
import { ReportPump } from '../work/report-reader.js';
import { allSettled } from './leadership.js';

/** A new leader's replica has this long to hold everything that its predecessor committed. */
const catchUpMs = 30_000;

export interface TermParts {
  readonly config: MasterConfig;
  readonly store: CellStore;
  readonly log: Logger;
  readonly clock: Clock;
  readonly replica: Replica;
  readonly metrics: MasterMetrics;
  readonly epoch: number;
}

/** Everything a leader does; it ends when the signal aborts, or with the first part that fails. */
export async function runTerm(parts: TermParts, signal: AbortSignal): Promise<void> {
  try {
    await catchUp(parts, signal);
    await runParts(parts, signal);
  } catch (error) {
    if (!(error instanceof FencedError) && !signal.aborted) throw error;
    parts.log.info({ err: error }, 'the term is over');
  }
}

/** The replica must hold all that earlier leaders committed; from now on only this epoch commits. */
async function catchUp({ store, replica }: TermParts, signal: AbortSignal): Promise<void> {
  const reader = store.openLogReader();
  try {
    const { revision } = await reader.head();
    await replica.waitFor(revision, catchUpMs, signal);
  } finally {
    await reader.close();
  }
}

async function runParts(parts: TermParts, signal: AbortSignal): Promise<void> {
  const { config, store, replica, epoch, clock, log, metrics } = parts;
  const countsGroups = config.BERTH_MASTER_CAPACITY_GROUPS !== undefined;
  const agenda = new Agenda(replica, config.BERTH_MASTER_MAX_FINISHED_JOBS, { countsGroups });
  const inbox = store.openReportInbox();
  const reports: ReportPump = new ReportPump({ inbox, clock, log, onReports: () => term.wake() });
  const limits = limitsOf(config);
  const patienceMs = config.BERTH_AGENT_TIMEOUT;
  const term: Term = new Term({
    store,
    replica,
    agenda,
    reports,
    epoch,
    clock,
    log,
    metrics,
    limits,
    patienceMs,
  });
  const takeAgentNews = () => agenda.takeAgentNews();
  const agentTimeoutMs = config.BERTH_AGENT_TIMEOUT;
  const liveness = new LivenessWatch({
    store,
    cell: replica,
    epoch,
    clock,
    log,
    agentTimeoutMs,
    takeAgentNews,
  });
  const hasCaughtUp = () => reports.hasRead && reports.pending === 0;
  const schedules = new ScheduleWatch({ store, replica, epoch, clock, log, metrics, hasCaughtUp });
  const everyMs = config.BERTH_MASTER_SCALING_INTERVAL;
  const scaling = new AutoscaleWatch({ store, replica, epoch, clock, log, metrics, everyMs });
  const subscriptions = new SubscriptionWatch({ store, cell: replica, epoch, clock, log });
  const changes = replica.changes$.subscribe((commit) => {
    agenda.take(commit);
    subscriptions.take(commit);
    scaling.take(commit);
    schedules.take(commit);
    term.wake();
    if (agenda.hasAgentNews) liveness.wake();
  });
  const ending = new AbortController();
  const end = () => ending.abort();
  const partsSignal = AbortSignal.any([signal, ending.signal]);
  try {
    await allSettled([
      term.run(partsSignal).finally(end),
      liveness.run(partsSignal).finally(end),
      subscriptions.run(partsSignal).finally(end),
      scaling.run(partsSignal).finally(end),
      schedules.run(partsSignal).finally(end),
      reports.run(partsSignal).finally(end),
      onceAborted(partsSignal).then(() => inbox.close()),
    ]);
  } finally {
    changes.unsubscribe();
  }
}

function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
