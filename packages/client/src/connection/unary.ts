import type { Metadata, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import type { GatewayEndpoint } from './gateways.js';

/** One attempt at a unary call. */
export interface Attempt<Req, Res> {
  readonly method: MethodDefinition<Req, Res>;
  readonly request: Req;
  readonly metadata: Metadata;
  /** Milliseconds since the epoch. */
  readonly deadlineAtMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Answer<Res> {
  readonly response: Res;
  readonly trailers: Metadata;
}

/**
 * Sends the request once. It rejects only with grpc-js's ServiceError; the metadata of the error are the
 * trailers.
 */
export function attemptUnary<Req, Res>(
  gateway: GatewayEndpoint,
  attempt: Attempt<Req, Res>,
): Promise<Answer<Res>> {
  const { method, request, metadata, deadlineAtMs, signal } = attempt;
  return new Promise((resolve, reject) => {
    let response: Res | undefined;
    let failure: ServiceError | undefined;
    const call = gateway.client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: deadlineAtMs },
      (error, value) => {
        failure = error ?? undefined;
        response = value;
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    // The status, with the trailers in it, arrives after the callback.
    call.on('status', ({ metadata: trailers }) => {
      signal?.removeEventListener('abort', cancel);
      if (failure !== undefined || response === undefined) reject(failure);
      else resolve({ response, trailers });
    });
  });
}
