import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../../gateway/cell.js';
import type { OpenStream } from '../../gateway/metrics.js';
import type { ClusterNotification } from '../titus/core/cluster-notifications.js';
import type { Notification } from '../titus/core/job-notifications.js';
import type { SubscriptionKeeper } from '../titus/observer-heartbeats.js';
import type { ObserveHub, Subscriber } from './observe-hub.js';
import type { ObserveStream } from './observe-stream.js';

/** Where observe streams come from, and where they are counted. */
export interface Observing {
  readonly cell: Cell;
  readonly jobs: ObserveHub<Notification>;
  readonly clusters: ObserveHub<ClusterNotification>;
  readonly streams: Set<OpenStream>;
  readonly subscriptions: SubscriptionKeeper;
}

export interface Run<N> {
  readonly method: string;
  readonly call: CallContext;
  readonly stream: ObserveStream<N>;
  readonly streams: Set<OpenStream>;
  readonly subscribe: (subscriber: Subscriber<N>) => () => void;
}

/**
 * Runs the stream to its end or to the call's, and leaves nothing behind. To be called in the turn in which the snapshot
 * was taken: so the snapshot and the first change meet without gap or overlap.
 */
export function runStream<N>({ method, call, stream, streams, subscribe }: Run<N>): Promise<void> {
  const open = new RunningStream(method, call.caller.id, stream);
  const stop = (reason: Error) => stream.stop(reason);
  const leave = subscribe(stream);
  streams.add(open);
  call.onAbort(stop);
  try {
    stream.start();
  } catch (error) {
    stream.stop(error);
  }
  // Not awaited: a function that waits for weeks keeps all that it knows.
  return stream.done.finally(() => {
    call.offAbort(stop);
    streams.delete(open);
    leave();
  });
}

/** There are thousands of these: closures of its own would make each several times as large. */
class RunningStream implements OpenStream {
  readonly method: string;
  readonly caller: string;
  readonly #stream: { readonly pending: number; lagMs(): number };

  constructor(method: string, caller: string, stream: { readonly pending: number; lagMs(): number }) {
    this.method = method;
    this.caller = caller;
    this.#stream = stream;
  }

  get pending(): number {
    return this.#stream.pending;
  }

  lagMs(): number {
    return this.#stream.lagMs();
  }
}
