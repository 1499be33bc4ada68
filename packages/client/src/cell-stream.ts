import {
  ObserveServiceService as methods,
  ObservedKind,
  ObserveRequest_Subscription,
} from '@berth/shared/gen/berth/v1/observe_service';
import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobChangeNotification,
  JobManagementServiceService as jobMethods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors';
import { catchError, concatMap, defer, type Observable } from 'rxjs';
import type { Channel } from './channel.js';
import { JobNarrator } from './job-narrator.js';
import type { CellObserveOptions, ObserveOptions } from './options.js';
import { type CellEvent, ResumePoint } from './resume-point.js';
import { observe } from './stream.js';

/** All that is selected of the cell, over as many streams as it takes: each goes on where the one before it ended. */
export function observeCell(channel: Channel, options: CellObserveOptions = {}): Observable<CellEvent> {
  const { subscription = {}, ...rest } = options;
  return defer(() => {
    const point = new ResumePoint();
    const request = () => {
      const value = ObserveRequest_Subscription.fromPartial({
        ...subscription,
        resumeFrom: point.position ?? subscription.resumeFrom,
      });
      return { request: { $case: 'subscription' as const, value } };
    };
    const responses$ = observe(
      channel,
      { definition: methods.observe, request },
      { reconnect: true, ...rest },
    );
    return responses$.pipe(
      concatMap(({ response }) => {
        const event = response === undefined ? undefined : point.take(response);
        return event === undefined ? [] : [event];
      }),
    );
  });
}

/**
 * All jobs in messages of netflix.titus, over as many streams as it takes. A gateway that does not offer berth.v1 is asked for
 * its own such stream, which begins with a new snapshot each time.
 */
export function observeAllJobs(channel: Channel, options: ObserveOptions): Observable<JobChangeNotification> {
  return defer(() => {
    const narrator = new JobNarrator();
    const kinds = [ObservedKind.JOB, ObservedKind.JOB_STATUS, ObservedKind.TASK];
    return observeCell(channel, { ...options, subscription: { kinds } }).pipe(
      concatMap((event) => narrator.tell(event)),
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
