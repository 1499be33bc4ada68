import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { OpenStream } from '../../gateway/metrics.js';
import type { Subscriber } from './observe-hub.js';
import type { ObserveStream } from './observe-stream.js';
import type { SilenceBreaker } from './silence.js';

interface StreamRun<N> {
  readonly method: string;
  readonly call: CallContext;
  readonly stream: ObserveStream<N>;
  readonly streams: Set<OpenStream>;
  readonly subscribe: (subscriber: Subscriber<N>) => () => void;
  /** Keeps the stream from being silent. Absent if the stream has bookmarks. */
  readonly silence?: SilenceBreaker;
}

/**
 * Runs the stream to its end or to the call's end, and leaves nothing behind. Call it in the turn of the
 * snapshot: so the snapshot and the first change meet without a gap or an overlap.
 */
export function runStream<N>(run: StreamRun<N>): Promise<void> {
  const { method, call, stream, streams, subscribe, silence } = run;
  const open = new OpenObserveStream(method, call.caller.id, stream);
  const stop = (reason: Error) => stream.stop(reason);
  const leave = subscribe(stream);
  streams.add(open);
  silence?.add(stream);
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
    silence?.remove(stream);
  });
}

/** There are thousands of these: closures of its own would make each several times as large. */
class OpenObserveStream implements OpenStream {
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
