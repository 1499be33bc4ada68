import { hostname } from 'node:os';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { type Random, systemRandom } from '@berth/shared/process/random';
import { startStatusServer } from '@berth/shared/process/status-server';
import type { CellStore } from '@berth/store';
import { type Replica, startReplica } from '@berth/store/replica';
import { leaderSettingsOf, type MasterConfig } from './config.js';
import { KnownCell } from './leader/known-cell.js';
import { runLeader } from './leader/leader-loops.js';
import { lead } from './leader/leadership.js';
import { createMasterMetrics } from './metrics/master-metrics.js';

interface MasterOptions {
  readonly config: MasterConfig;
  /** While the store is being connected to, the master waits and says so on /healthz. */
  readonly store: CellStore | Promise<CellStore>;
  readonly log: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Ends the start early. */
  readonly signal?: AbortSignal;
}

export interface Master {
  readonly httpPort: number;
  /** True if this master leads now. */
  isLeading(): boolean;
  /** Gives up the leadership, if held, and closes everything that {@link startMaster} opened. */
  close(): Promise<void>;
}

/** Starts a master: a warm standby that leads whenever it gets the lease. */
export async function startMaster(options: MasterOptions): Promise<Master> {
  const { config, log, clock = systemClock, random = systemRandom } = options;
  const registry = createRegistry('master');
  const metrics = createMasterMetrics(registry);
  const stopping = new AbortController();
  let whyWaiting = 'Redis has not answered yet';
  let started: Replica | undefined;
  const status = await startStatusServer({
    address: config.BERTH_MASTER_HTTP,
    isReady: () => (started === undefined ? whyWaiting : whyNotReady(started)),
    registry,
    log,
  });
  const opening = async () => {
    const opened = await options.store;
    whyWaiting = 'the state of the cell has not been read yet';
    const { signal } = options;
    const replica = await startReplica(opened, { log, clock, ...(signal && { signal }) });
    return { store: opened, replica };
  };
  const { store, replica } = await opening().catch(async (error: unknown) => {
    await status.close();
    throw error;
  });
  started = replica;
  const identity = new KnownCell(store, { random, log });
  let leading = false;
  const work = async (epoch: number, signal: AbortSignal) => {
    leading = true;
    metrics.leader.set(1);
    metrics.epoch.set(epoch);
    const settings = leaderSettingsOf(config);
    await identity.establish();
    await runLeader({ settings, store, log, clock, random, replica, metrics, epoch }, signal).finally(() => {
      leading = false;
      metrics.leader.set(0);
    });
  };
  const holder = `${hostname()}/${process.pid}/${random.orderedUuid()}`;
  const done = lead(
    { lease: store, holder, leaseMs: config.BERTH_MASTER_LEASE, clock, log, work },
    stopping.signal,
  );
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

function whyNotReady(replica: Replica): string | undefined {
  return replica.isConnected ? undefined : 'the replica has lost Redis';
}
