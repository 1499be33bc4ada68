/*
 * All code of a gateway that exists only for speed, and the plain code that does the same without it. The
 * setting BERTH_API_TUNING chooses one of the two, once. A subscriber cannot tell them apart.
 */
import { directSink, type EncodedSink } from '@berth/shared/rpc/streaming/direct-sink';
import { plainSink } from '@berth/shared/rpc/streaming/plain-sink';
import { BlockPool } from './block-pool.js';
import type { ChangeEncoder } from './encoding/change-encoder.js';
import type { JobEncoder } from './encoding/job-encoder.js';
import { plainChanges } from './encoding/plain-changes.js';
import { plainJobs } from './encoding/plain-jobs.js';
import { splicedChanges } from './encoding/spliced-changes.js';
import { splicedJobs } from './encoding/spliced-jobs.js';
import { EventLoopBudget } from './event-loop-budget.js';
import { makeAnew, memoizeOn } from './memoize-on.js';

export interface ObserveTuning {
  /** Encodes messages with stored records. */
  readonly jobs: JobEncoder;
  readonly changes: ChangeEncoder<unknown>;
  /** Responses to queries are encoded from stored bytes, too. */
  readonly splicesResponses: boolean;
  /** A burst leaves in one write. It is full at this size, and always has at least one message. */
  readonly burstBytes: number;
  /** The memory of the bursts of snapshots. */
  readonly blocks: BlockPool;
  /** The bytes of snapshots that all streams together may make in one turn of the event loop. */
  readonly snapshotBudget: EventLoopBudget;
  /** The subscribers that get a batch in one turn of the event loop. */
  readonly subscribersPerTurn: number;
  /** Shares the sizes, the bursts and the HTTP events of a batch among its subscribers. */
  readonly memoize: typeof memoizeOn;
  /** The times that the queue of a stalled subscriber keeps, to know the age of its oldest change. */
  readonly agesPerQueue: number;
  /** Returns the sink that writes to a stream of grpc-js. */
  sink(stream: EncodedSink): EncodedSink;
  /** Compiles the code of streams before the gateway serves. */
  readonly warmsUp: boolean;
}

/**
 * A larger burst adds nothing to the speed, but some delay. A full message of berth.v1 is a burst of its
 * own and is not copied.
 */
const burstBytes = 48 * 1024;

const maxIdleBlocks = 16;

/** Some milliseconds of work. */
const snapshotBytesPerTurn = 256 * 1024;

/**
 * Bytes leave at the end of a turn. With a thousand subscribers in one turn, the first of them waited for
 * all the others, and the event loop stood still for 25 to 40 ms with each commit.
 */
const subscribersPerTurn = 64;

const agesPerQueue = 64;

export const tuned: ObserveTuning = {
  jobs: splicedJobs,
  changes: splicedChanges,
  splicesResponses: true,
  burstBytes,
  blocks: new BlockPool(maxIdleBlocks),
  snapshotBudget: new EventLoopBudget(snapshotBytesPerTurn),
  subscribersPerTurn,
  memoize: memoizeOn,
  agesPerQueue,
  sink: directSink,
  warmsUp: true,
};

export const plain: ObserveTuning = {
  jobs: plainJobs,
  changes: plainChanges,
  splicesResponses: false,
  // One message each.
  burstBytes: 1,
  blocks: new BlockPool(0),
  snapshotBudget: new EventLoopBudget(Number.POSITIVE_INFINITY),
  subscribersPerTurn: Number.POSITIVE_INFINITY,
  memoize: makeAnew,
  agesPerQueue: Number.POSITIVE_INFINITY,
  sink: plainSink,
  warmsUp: false,
};

export function tuningOf(setting: 'on' | 'off'): ObserveTuning {
  return setting === 'on' ? tuned : plain;
}
