import type { DeepPartial, ObserveRequest_Subscription } from '@berth/shared/gen/berth/v1/observe_service';
import type { ChannelCredentials, Metadata } from '@grpc/grpc-js';

/** How long a unary call may take in all, its retries included, where the caller names no limit of its own. */
export const defaultDeadlineMs = 10_000;

/** How many times a call that is safe to repeat is sent before its failure is the caller's. */
export const maxAttempts = 5;

/** Between two attempts of a unary call. */
export const retryDelays = { initialMs: 100, maxMs: 1_000, jitter: 0.2 } as const;

/** Between two attempts to open a stream again. Goes on for as long as the subscription lives. */
export const reconnectDelays = { initialMs: 200, maxMs: 5_000, jitter: 0.5 } as const;

/**
 * A gateway that went away without a word is noticed after the sum of both; a connection that was refused is
 * tried again within seconds, so that a gateway which comes back is found soon.
 */
export const channelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
} as const;

/** Who calls. A cell that asks for tokens or certificates goes by those; any other believes what is said here. */
export interface Caller {
  readonly id?: string;
  readonly name?: string;
  /** Owner of what the caller creates, where a descriptor names none. */
  readonly email?: string;
}

/** What the client tells its host program about; a pino logger fits. */
export interface ClientLog {
  warn(details: object, message: string): void;
}

/** How to speak TLS with gateways, as PEM. */
export interface ClientTls {
  /** The authorities that gateways' certificates must be of; those that Node trusts where absent. */
  readonly ca?: Buffer;
  /** What says who calls, where gateways ask for a certificate; both or neither. */
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

interface CommonOptions {
  /** Without it, and without credentials, gateways are spoken to in plain text. */
  readonly tls?: ClientTls;
  /** Sent with every call, to gateways that want one: it says who calls. */
  readonly token?: string;
  /** In place of `tls`. */
  readonly credentials?: ChannelCredentials;
  readonly caller?: Caller;
  readonly log?: ClientLog;
  /** In place of {@link defaultDeadlineMs}. */
  readonly deadlineMs?: number;
}

/** Where the gateways are (`host:port`) and how to speak to them. Any gateway of a cell will do; more than one make a fallback. */
export type ConnectOptions = CommonOptions &
  ({ readonly address: string } | { readonly addresses: readonly string[] });

/** What one call may ask for. */
export interface CallOptions {
  /** Limit of the whole call, retries included. */
  readonly deadlineMs?: number;
  /** Ends the call when it aborts; the promise rejects. */
  readonly signal?: AbortSignal;
  /** Sent along with what the client itself sends. */
  readonly metadata?: Metadata;
}

/** Options of calls that create. */
export interface CreateOptions extends CallOptions {
  /**
   * Two creations with one key are one: the second returns what the first made. Without it the client makes up a new
   * key for each call, which makes its own retries safe and nothing else.
   */
  readonly idempotencyKey?: string;
}

/** Options of queries for lists. */
export interface PageOptions extends CallOptions {
  /**
   * The {@link Paged.nextCursor} of the page before: the answer is what follows that page, whatever has come or gone since.
   * Page numbers count from the beginning each time, so that entities which come or go shift what they show.
   */
  readonly cursor?: string;
}

/** One page of a list. */
export type Paged<Res> = Res & {
  /** Asks for the page that follows; absent on the last one. */
  readonly nextCursor?: string;
};

/** Options of changes to a job's instances. */
export interface InstancesOptions extends CallOptions {
  /** Which stage of a Mantis job is meant. */
  readonly stage?: string;
}

/** Options of a stream. */
export interface ObserveOptions {
  /**
   * Whether to open the stream again, on the next gateway, when the gateway is lost. `'onceConnected'` means: only
   * after something was received. The new stream begins with a new snapshot, so an entity that is absent from it has
   * gone in the meantime.
   */
  readonly reconnect?: boolean | 'onceConnected';
  /** Called before each wait for a new attempt, with what ended the stream. */
  readonly onReconnect?: (cause: Error) => void;
  /**
   * Called where what has changed cannot be told and a new snapshot follows, with the reason. Streams of one job have none:
   * they begin anew with each connection.
   */
  readonly onReset?: (reason: string) => void;
}

/** Options of a stream of the whole cell. It is opened again, and goes on where it was, unless told otherwise. */
export interface CellObserveOptions extends ObserveOptions {
  /** What is told: kinds, criteria, fields, and where to begin. All, and from the present, where absent. */
  readonly subscription?: DeepPartial<ObserveRequest_Subscription>;
}

/** Options of `watchStages`: all stages, unless one of both is given. */
export interface WatchStagesOptions extends ObserveOptions {
  /** Only this stage, from 1. */
  readonly stage?: number;
  /** Only the stages right before and right after this one. */
  readonly neighboursOf?: number;
}
