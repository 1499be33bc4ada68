import type { ServerWritableStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { BehaviorSubject, type Observable, of } from 'rxjs';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthListResponse,
  type HealthServer,
  HealthService,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/grpc/health/v1/health.js';
import { BerthError } from '../../model/errors/errors.js';
import { type CallOptions, serverStream, unary } from '../calls/handlers.js';
import { serviceName } from './descriptors.js';

/** The standard health service of a server. */
export interface Health {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
  /**
   * Reports if the server and all its services take calls. Until the first call the status is "not
   * serving".
   */
  setServing(isServing: boolean): void;
}

/** A health service that tells of the server as a whole (empty name) and of each of `services`. */
export function createHealth(services: readonly ServiceDefinition[], options: CallOptions): Health {
  const names = new Set(['', ...services.map(serviceName)]);
  const status$ = new BehaviorSubject<ServingStatus>(ServingStatus.NOT_SERVING);
  const implementation: HealthServer = {
    check: unary<HealthCheckRequest, HealthCheckResponse>(async ({ service }) => {
      if (!names.has(service))
        throw new BerthError('notFound', `There is no service ${JSON.stringify(service)}.`);
      return { status: status$.value };
    }, options),
    list: unary<unknown, HealthListResponse>(async () => {
      return { statuses: Object.fromEntries([...names].map((name) => [name, { status: status$.value }])) };
    }, options),
    watch: serverStream<HealthCheckRequest, HealthCheckResponse>(({ service }, { signal }, stream) => {
      return watch(names.has(service) ? status$ : of(ServingStatus.SERVICE_UNKNOWN), stream, signal);
    }, options),
  };
  return {
    definition: HealthService,
    implementation,
    setServing: (isServing) => {
      const status = isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
      if (status !== status$.value) status$.next(status);
    },
  };
}

/**
 * Sends the status now and at each change. A client that reads slowly misses a change that was undone in
 * the meantime.
 */
function watch(
  status$: Observable<ServingStatus>,
  stream: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((_, reject) => {
    let latest: ServingStatus | undefined;
    let sent: ServingStatus | undefined;
    const send = () => {
      if (latest === undefined || latest === sent || stream.writableNeedDrain) return;
      sent = latest;
      stream.write({ status: latest });
    };
    const subscription = status$.subscribe((status) => {
      latest = status;
      send();
    });
    stream.on('drain', send);
    const stop = () => {
      subscription.unsubscribe();
      reject(signal.reason);
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
