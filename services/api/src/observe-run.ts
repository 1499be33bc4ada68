import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Cell } from './cell.js';
import type { Notification } from './core/observe.js';
import type { ClusterNotification } from './core/observe-clusters.js';
import type { OpenStream } from './metrics.js';
import type { ObserveHub, Subscriber } from './observe-hub.js';
import type { ObserveStream } from './observe-stream.js';

/** Where observe streams come from, and where they are counted. */
export interface Observing {
  readonly cell: Cell;
  readonly jobs: ObserveHub<Notification>;
  readonly clusters: ObserveHub<ClusterNotification>;
  readonly streams: Set<OpenStream>;
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
export async function runStream<N>({ method, call, stream, streams, subscribe }: Run<N>): Promise<void> {
  const { signal, caller } = call;
  const open: OpenStream = {
    method,
    caller: caller.id,
    get pending() {
      return stream.pending;
    },
  };
  const stop = () => stream.stop(signal.reason);
  const leave = subscribe(stream);
  streams.add(open);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    stream.start();
    await stream.done;
  } finally {
    signal.removeEventListener('abort', stop);
    streams.delete(open);
    leave();
  }
}
