import { hostname } from 'node:os';
import type { Clock } from '@berth/shared/process/clock';
import { systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { startStatusServer } from '@berth/shared/process/status-server';
import type { CellStore } from '@berth/shared/store/cell-store';
import { Replica } from '@berth/shared/store/replica';
import { v7 as uuid } from 'uuid';
import { Agenda } from './agenda.js';
import { limitsOf, type MasterConfig } from './config.js';
import { lead } from './leader.js';
import { LivenessWatch } from './liveness-watch.js';
import { createMasterMetrics, type MasterMetrics } from './metrics.js';
import { ReportPump } from './report-pump.js';
import { FencedError, Term } from './term.js';

/** A new leader's replica has this long to hold everything that its predecessor committed. */
const catchUpMs = 30_000;

export interface MasterOptions {
  readonly config: MasterConfig;
  readonly store: CellStore;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface Master {
  readonly httpPort: number;
  /** Whether this master leads now. */
  isLeading(): boolean;
  /** Gives up the leadership, if held, and closes everything that {@link startMaster} opened. */
  close(): Promise<void>;
}

interface Parts {
  readonly options: MasterOptions;
  readonly clock: Clock;
  readonly replica: Replica;
  readonly metrics: MasterMetrics;
}

/** Starts a master: a warm standby that leads whenever it gets the lease. */
export async function startMaster(options: MasterOptions): Promise<Master> {
  const { config, store, log, clock = systemClock } = options;
  const registry = createRegistry('master');
  const metrics = createMasterMetrics(registry);
  const stopping = new AbortController();
  const replica = await Replica.start(store.openLogReader(), { log, signal: stopping.signal });
  const parts: Parts = { options, clock, replica, metrics };
  const status = await startStatusServer({
    address: config.BERTH_MASTER_HTTP,
    isReady: () => (replica.isConnected ? undefined : 'the replica has lost Redis'),
    registry,
    log,
  });
  let leading = false;
  const holder = `${hostname()}/${process.pid}/${uuid()}`;
  const term = async (epoch: number, signal: AbortSignal) => {
    leading = true;
    metrics.leader.set(1);
    metrics.epoch.set(epoch);
    await runTerm(parts, epoch, signal).finally(() => {
      leading = false;
      metrics.leader.set(0);
    });
  };
  const done = lead({ lease: store, holder, leaseMs: config.BERTH_MASTER_LEASE, clock, log, term }, stopping.signal);
  return {
    httpPort: status.port,
    isLeading: () => leading,
    close: async () => {
      stopping.abort();
      await done;
      await Promise.all([status.close(), replica.close()]);
    },
  };
}

/** Everything a leader does; it ends when the signal aborts, or with the first part that fails. */
async function runTerm({ options, clock, replica, metrics }: Parts, epoch: number, signal: AbortSignal): Promise<void> {
  const { config, store, log } = options;
  const parts = new AbortController();
  const end = () => parts.abort();
  signal.addEventListener('abort', end, { once: true });
  await catchUp(store, replica, signal);
  const agenda = new Agenda(replica);
  const inbox = store.openReportInbox();
  const reports: ReportPump = new ReportPump({ inbox, clock, log, onReports: () => term.wake() });
  const term: Term = new Term({
    store,
    replica,
    agenda,
    reports,
    epoch,
    clock,
    log,
    metrics,
    limits: limitsOf(config),
    maxFinishedJobs: config.BERTH_MASTER_MAX_FINISHED_JOBS,
  });
  const liveness = new LivenessWatch({
    store,
    cell: replica,
    epoch,
    clock,
    log,
    agentTimeoutMs: config.BERTH_AGENT_TIMEOUT,
    takeAgentNews: () => agenda.takeAgentNews(),
  });
  const changes = replica.changes$.subscribe((commit) => {
    agenda.take(commit);
    term.wake();
  });
  try {
    await Promise.all([
      term.run(parts.signal).finally(end),
      liveness.run(parts.signal).finally(end),
      reports.run(parts.signal).finally(end).then(() => undefined),
      onceAborted(parts.signal).then(() => inbox.close()),
    ]);
  } catch (error) {
    if (!(error instanceof FencedError) && !signal.aborted) throw error;
    log.info({ err: error }, 'the term is over');
  } finally {
    signal.removeEventListener('abort', end);
    changes.unsubscribe();
  }
}

/** The replica must hold all that earlier leaders committed; from now on only this epoch commits. */
async function catchUp(store: CellStore, replica: Replica, signal: AbortSignal): Promise<void> {
  const reader = store.openLogReader();
  try {
    const { revision } = await reader.head();
    await replica.waitFor(revision, catchUpMs, signal);
  } finally {
    await reader.close();
  }
}

function onceAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
