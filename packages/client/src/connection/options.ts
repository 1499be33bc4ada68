import type { DeepPartial, ObserveRequest_Subscription } from '@berth/shared/gen/berth/v1/observe_service';
import type { Clock } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import type { ChannelCredentials, Metadata } from '@grpc/grpc-js';

/** The default time limit of a unary call, its retries included. */
export const defaultDeadlineMs = 10_000;

/** The maximum number of attempts for a call that is safe to repeat. */
export const maxAttempts = 5;

/** The delays between two attempts of a unary call. */
export const retryDelays = { initialMs: 100, maxMs: 1_000, jitter: 0.2 } as const;

/** The delays between two attempts to open a stream again. The attempts last as long as the subscription. */
export const reconnectDelays = { initialMs: 200, maxMs: 5_000, jitter: 0.5 } as const;

/**
 * The sum of both keepalive times bounds the time until a silent gateway counts as lost. Refused connections
 * are tried again within seconds, so that a gateway that comes back is found soon.
 */
export const channelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
} as const;

/**
 * The caller's identity. A cell that requires tokens or certificates uses those instead; any other cell
 * trusts these values.
 */
export interface Caller {
  readonly id?: string;
  readonly name?: string;
  /** The owner of the caller's jobs if a descriptor names none. */
  readonly email?: string;
}

/** Receives the client's warnings; a pino logger fits. */
export interface ClientLog {
  warn(details: object, message: string): void;
}

/** The TLS settings for gateways, as PEM. */
export interface ClientTls {
  /** The accepted authorities of gateways' certificates; by default those of Node. */
  readonly ca?: Buffer;
  /** The client's certificate, for gateways that require one. `cert` and `key` need each other. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

interface CommonOptions {
  /** Without it, and without `credentials`, connections are in plain text. */
  readonly tls?: ClientTls;
  /** The bearer token, sent with every call. */
  readonly token?: string;
  /** Replaces `tls`. */
  readonly credentials?: ChannelCredentials;
  readonly caller?: Caller;
  readonly log?: ClientLog;
  /** Replaces {@link defaultDeadlineMs}. */
  readonly deadlineMs?: number;
  /** Times the retries; the default is the system's clock. */
  readonly clock?: Clock;
  /** Makes idempotency keys and the jitter of delays; the default is the system's randomness. */
  readonly random?: Random;
}

/**
 * The addresses of gateways (`host:port`), and the way to connect. Any gateway of the cell will do; further
 * ones serve as a fallback.
 */
export type ConnectOptions = CommonOptions &
  ({ readonly address: string } | { readonly addresses: readonly string[] });

/** Options of one call. */
export interface CallOptions {
  /** The time limit of the whole call, retries included. */
  readonly deadlineMs?: number;
  /** Ends the call when it aborts; the promise then rejects. */
  readonly signal?: AbortSignal;
  /** Sent in addition to the client's own metadata. */
  readonly metadata?: Metadata;
}

/** Options of calls that create something. */
export interface CreateOptions extends CallOptions {
  /**
   * Two creations with the same key count as one: the second returns the result of the first. By default the
   * client makes a new key for each call. That makes its own retries safe, and nothing else.
   */
  readonly idempotencyKey?: string;
}

/** Options of list queries. */
export interface PageOptions extends CallOptions {
  /**
   * The {@link Paged.nextCursor} of the previous page. The answer continues exactly after that page, even if
   * entities came or went since. Page numbers are less exact: entities that come or go shift the pages.
   */
  readonly cursor?: string;
}

/** One page of a list. */
export type Paged<Res> = Res & {
  /** The cursor of the next page; absent on the last page. */
  readonly nextCursor?: string;
};

/** Options of changes to a job's instances. */
export interface InstancesOptions extends CallOptions {
  /** The stage of a Mantis job. */
  readonly stage?: string;
}

/** Options of a stream. */
export interface ObserveOptions {
  /**
   * True to open the stream again, on the next gateway, after the loss of a gateway. `'onceConnected'` does
   * so only if something was received. The new stream begins with a new snapshot. So an entity that is absent
   * from it has gone in the meantime.
   */
  readonly reconnect?: boolean | 'onceConnected';
  /** Called before each wait for a new attempt, with the failure that ended the stream. */
  readonly onReconnect?: (cause: Error) => void;
  /**
   * Called with the reason when changes were lost and a new snapshot follows. Streams of one job have no
   * resets: each connection begins with a snapshot.
   */
  readonly onReset?: (reason: string) => void;
}

/** Options of a stream of the whole cell. By default a broken stream is opened again and resumes. */
export interface CellObserveOptions extends ObserveOptions {
  /** Kinds, criteria, fields and the start position. The default is everything, from the present. */
  readonly subscription?: DeepPartial<ObserveRequest_Subscription>;
}

/** Options of `watchStages`. The default is all stages; set at most one of the two fields. */
export interface WatchStagesOptions extends ObserveOptions {
  /** Only this stage; the first stage is 1. */
  readonly stage?: number;
  /** Only the stages directly before and after this one. */
  readonly neighboursOf?: number;
}
