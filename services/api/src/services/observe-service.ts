import {
  type ObserveRequest,
  type ObserveResponse,
  type ObserveServiceServer,
  ObserveServiceService,
} from '@berth/shared/gen/berth/v1/observe_service';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Closeable } from '@berth/shared/process/service';
import { type CallOptions, duplexStream } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import { type Encoded, passThrough } from '@berth/shared/rpc/streaming/pass-through';
import type { LogReader } from '@berth/store';
import { RecentCommits } from '@berth/store/recent';
import type { Cell } from '../gateway/cell.js';
import type { OpenStream } from '../gateway/metrics.js';
import { Bookmarks } from '../observe/berth/checkpoints/bookmarks.js';
import { StoreHead } from '../observe/berth/checkpoints/store-head.js';
import { isRelevant } from '../observe/berth/core/cell-changes.js';
import { FeedPool } from '../observe/berth/feed-pool.js';
import { type CellObserveDeps, observeCell } from '../observe/berth/observe.js';
import type { ObserveTuning } from '../tuning/observe-tuning.js';

const definition = passThrough(ObserveServiceService, ['observe']);

interface CellObservingDeps {
  readonly cell: Cell;
  readonly tuning: ObserveTuning;
  readonly openLogReader: () => LogReader;
  readonly clock: Clock;
  readonly streams: Set<OpenStream>;
  readonly log: Logger;
}

/** Opens the shared parts of all streams of the whole cell. They must be closed after the streams. */
export function openCellObserve(options: CellObservingDeps): CellObserveDeps & Closeable {
  const { cell, tuning, openLogReader, clock, streams, log } = options;
  const { replica } = cell;
  const recent = new RecentCommits(replica, { isRelevant });
  const storeHead = new StoreHead(openLogReader);
  const bookmarks = new Bookmarks(
    () => clock.nowMs(),
    () => recent.last,
  );
  return {
    name: 'observation of the cell',
    cell,
    tuning,
    clock,
    streams,
    storeHead,
    bookmarks,
    history: { replica, recent, openLogReader },
    feeds: new FeedPool(replica, log, tuning),
    close: async () => {
      bookmarks.close();
      recent.close();
      await storeHead.close();
    },
  };
}

/** berth.v1.ObserveService. */
export function observeService(observing: CellObserveDeps, options: CallOptions): GrpcService {
  const implementation = withUnimplemented<ObserveServiceServer>(
    definition,
    {
      observe: duplexStream<ObserveRequest, ObserveResponse | Encoded>(
        (call, stream) => observeCell(observing, call, stream),
        options,
      ),
    },
    options,
  );
  return { definition, implementation };
}
