/** The messages between the benchmark's processes. */
import type { LogHead } from '@berth/store';

export type StreamKind = 'titus' | 'berth' | 'etcd';

/** To the clients. */
export type ClientOrder =
  | {
      readonly do: 'open';
      readonly kind: StreamKind;
      readonly port: number;
      readonly count: number;
      readonly connections: number;
      /** The last position of a subscriber of berth.v1. All others begin with a snapshot. */
      readonly resumeFrom?: LogHead;
    }
  | { readonly do: 'measureAges'; readonly on: boolean }
  | { readonly do: 'leaveOut'; readonly count: number }
  | { readonly do: 'stall'; readonly isStalled: boolean }
  | { readonly do: 'closeAll' };

/** From the clients: the events received by the slowest of the counted streams, and by all together. */
export interface ClientReport {
  readonly open: number;
  readonly slowest: number;
  readonly total: number;
}

/** At the end of the measurement of ages: the ages, in ms. */
export interface ClientAges {
  readonly ages: readonly number[];
}

export type ClientMessage = ClientReport | ClientAges;

/**
 * To the load. It makes bursts while at most a window of events is on the way; `allowed` moves the window
 * on.
 */
export type LoadOrder =
  | {
      readonly do: 'start';
      readonly target:
        | { readonly kind: 'berth'; readonly redisUrl: string; readonly cell: string }
        | { readonly kind: 'etcd'; readonly port: number };
      /** Tasks that exist: jobs of ten. */
      readonly tasks: number;
    }
  | { readonly do: 'run'; readonly events: number; readonly eventsPerSecond?: number }
  | { readonly do: 'received'; readonly events: number };

export type LoadReport = { readonly did: 'started' } | { readonly did: 'run'; readonly events: number };

/**
 * To a measured server: begin to measure pauses, report the longest since the last report, or collect
 * garbage.
 */
export interface ProbeOrder {
  readonly do: 'watchPauses' | 'longestPause' | 'collectGarbage';
}

export interface PauseReport {
  /** How long the event loop stood still. */
  readonly longestPauseMs: number;
  /** The most processor time between two of its turns, or all of the time if that is less. */
  readonly longestBusyMs: number;
}

export const burst = 16;
/** Bursts that wait for their acknowledgement at once. */
export const inFlight = 32;
export const valueBytes = 700;
/**
 * Events that may be on the way to a subscriber. For Berth it is less than a gateway keeps of each stream
 * before it conflates. etcd keeps everything, and is at its best with more.
 */
export const windows = { berth: 2_048, etcd: 8_192 } as const;
