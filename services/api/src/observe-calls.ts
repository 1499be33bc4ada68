import type { JobId } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { notFound } from '@berth/shared/model/errors';
import { isJobLive } from '@berth/shared/model/job';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Cell } from './cell.js';
import { jobViewOf, liveJobs } from './core/observe.js';
import type { OpenStream } from './metrics.js';
import type { ObserveHub, Subscriber } from './observe-hub.js';
import { type ByteSink, ObserveStream } from './observe-stream.js';
import { idViolations, refuseIf } from './requests.js';

/** Where observe streams come from, and where they are counted. */
export interface Observing {
  readonly cell: Cell;
  readonly hub: ObserveHub;
  readonly streams: Set<OpenStream>;
}

/** Streams all live jobs and everything that happens to jobs from then on; ends only with the call. */
export async function observeJobs(
  { cell, hub, streams }: Observing,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  // From here to start() nothing is awaited: the snapshot and the first change meet without gap or overlap.
  const view = await cell.read(call);
  const stream = new ObserveStream({ sink, snapshot: liveJobs(view), endsWithJob: false });
  const subscribe = (subscriber: Subscriber) => hub.subscribeAll(subscriber);
  await run({ method: 'ObserveJobs', call, stream, streams, subscribe });
}

/** Streams one job and what happens to it; ends after its end. Of a job that has ended: its last state, and its end. */
export async function observeJob(
  { cell, hub, streams }: Observing,
  { id }: JobId,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  refuseIf(idViolations('id', id));
  const view = await cell.read(call);
  // As above. Only what is archived, and changes no more, is waited for.
  const job = jobViewOf(view, id) ?? (await cell.findArchivedJob(id));
  if (job === undefined) throw notFound('job', id);
  const stream = new ObserveStream({ sink, snapshot: [job], endsWithJob: true });
  const subscribe = (subscriber: Subscriber) => {
    if (isJobLive(job.status?.record)) return hub.subscribeJob(id, subscriber);
    subscriber.offer([{ kind: 'finished', jobId: id }]);
    return () => {};
  };
  await run({ method: 'ObserveJob', call, stream, streams, subscribe });
}

interface Run {
  readonly method: string;
  readonly call: CallContext;
  readonly stream: ObserveStream;
  readonly streams: Set<OpenStream>;
  readonly subscribe: (subscriber: Subscriber) => () => void;
}

/** Runs the stream to its end or to the call's, and leaves nothing behind. */
async function run({ method, call, stream, streams, subscribe }: Run): Promise<void> {
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
