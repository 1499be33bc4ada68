import {
  ObserveServiceService as methods,
  ObservedKind,
  ObserveRequest,
  ObserveRequest_Subscription,
} from '@berth/shared/gen/berth/v1/observe_service';
import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobChangeNotification,
  JobManagementServiceService as jobMethods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { catchError, concatMap, defer, Observable } from 'rxjs';
import type { Channel } from '../connection/channel.js';
import type { CellObserveOptions, ObserveOptions } from '../connection/options.js';
import { observe } from '../connection/stream.js';
import { Checkpoints } from './checkpoints.js';
import { JobEventAdapter } from './job-event-adapter.js';
import { type CellEvent, ResumePoint } from './resume-point.js';

/** The events of a cell as an Observable. Each subscription is a stream of its own. */
export class CellObservation extends Observable<CellEvent> {
  readonly #open: Set<Checkpoints>;

  constructor(channel: Channel, options: CellObserveOptions = {}) {
    const open = new Set<Checkpoints>();
    super((subscriber) => {
      const checkpoints = new Checkpoints();
      open.add(checkpoints);
      const events = cellEvents(channel, checkpoints, options);
      const subscription = events.subscribe({
        next: (event) => {
          if (event.$case === 'reset') options.onReset?.(event.value.reason);
          subscriber.next(event);
          if (event.$case === 'checkpointReached') checkpoints.reached(event.value.id);
        },
        error: (error: unknown) => {
          checkpoints.end(error);
          subscriber.error(error);
        },
        complete: () => subscriber.complete(),
      });
      return () => {
        open.delete(checkpoints);
        subscription.unsubscribe();
        checkpoints.end();
      };
    });
    this.#open = open;
  }

  /**
   * Resolves when all current subscribers have received every commit that any gateway made before this call.
   * After a write, it proves that the subscriber's picture of the cell holds the write. It waits while no
   * gateway is reachable. It rejects with BerthError `failedPrecondition` if there is no subscriber, or with
   * the error that ended the subscription.
   */
  async checkpoint(): Promise<void> {
    if (this.#open.size === 0)
      throw new BerthError('failedPrecondition', 'A checkpoint needs a subscription: subscribe first.');
    await Promise.all(Array.from(this.#open, (checkpoints) => checkpoints.wait()));
  }
}

/**
 * Emits the selected events of the cell over a sequence of streams. Each stream resumes at the end of the
 * last one.
 */
function cellEvents(
  channel: Channel,
  checkpoints: Checkpoints,
  { subscription = {}, ...options }: CellObserveOptions,
): Observable<CellEvent> {
  const point = new ResumePoint();
  let first: CellEvent | undefined;
  const request = (): ObserveRequest => {
    // If the last attempt received nothing, its reset has not been sent yet.
    first = point.reopen() ?? first;
    const resumeFrom = point.position ?? (point.hasBegunAnew ? undefined : subscription.resumeFrom);
    const value = ObserveRequest_Subscription.fromPartial({ ...subscription, resumeFrom });
    return { request: { $case: 'subscription', value } };
  };
  const onSender = (send: ((request: ObserveRequest) => void) | undefined) => {
    checkpoints.send =
      send && ((id) => send(ObserveRequest.create({ request: { $case: 'checkpoint', value: { id } } })));
  };
  const call = { definition: methods.observe, request, onSender };
  return observe(channel, call, { reconnect: true, ...options }).pipe(
    concatMap(({ response }) => {
      const event = response === undefined ? undefined : point.take(response);
      // The gateway's own reset has the same meaning.
      const before = event?.$case === 'reset' ? undefined : first;
      first = undefined;
      return [before, event].filter((one) => one !== undefined);
    }),
  );
}

/**
 * Observes all jobs in messages of netflix.titus, over a sequence of streams. If a gateway does not offer
 * berth.v1, its own jobs stream is used; that stream begins with a new snapshot each time.
 */
export function observeAllJobs(channel: Channel, options: ObserveOptions): Observable<JobChangeNotification> {
  return defer(() => {
    const adapter = new JobEventAdapter();
    const kinds = [ObservedKind.JOB, ObservedKind.JOB_STATUS, ObservedKind.TASK];
    return new CellObservation(channel, { ...options, subscription: { kinds } }).pipe(
      concatMap((event) => adapter.messagesOf(event)),
      catchError((error: unknown) => {
        if (!(error instanceof BerthError) || error.code !== 'unimplemented') throw error;
        return observe(
          channel,
          { definition: jobMethods.observeJobs, request: () => Empty.create() },
          options,
        );
      }),
    );
  });
}
