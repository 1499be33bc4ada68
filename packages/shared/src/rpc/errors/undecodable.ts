import type { ServiceDefinition } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';

/**
 * Replaces a request with bytes that are no message of its type. grpc-js itself would answer INTERNAL and
 * so blame the server.
 */
export class Undecodable {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }

  /** Returns the error for the caller. */
  toError(): BerthError {
    if (this.error instanceof BerthError) return this.error;
    const isTooGreat = this.error instanceof Error && this.error.message.includes('MAX_SAFE_INTEGER');
    const why = isTooGreat
      ? `it holds a number above ${Number.MAX_SAFE_INTEGER}, which no field takes`
      : 'its bytes are no message of the type that the method takes';
    return new BerthError('invalidArgument', `The request is not valid: ${why}.`, { cause: this.error });
  }
}

/** The request, or the error of one that could not be decoded. */
export function decoded<Req>(request: Req): Req {
  if (request instanceof Undecodable) throw request.toError();
  return request;
}

/**
 * Returns the definition with {@link Undecodable} in place of requests that cannot be decoded. Handlers
 * detect them through {@link decoded}.
 */
export function tolerant(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          const request: unknown = method.requestDeserialize(bytes);
          refuseLostKeys(bytes, () => method.requestSerialize(request));
          return request;
        } catch (error) {
          return new Undecodable(error);
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}

/** The one name that the generated code cannot hold as the key of a map: it would be lost without a word. */
const lostKey = '__proto__';

/** Fails with BerthError `invalidArgument` if the request, encoded again, has lost a part. */
function refuseLostKeys(bytes: Buffer, encodeAgain: () => Buffer): void {
  if (!bytes.includes(lostKey)) return;
  if (countOf(encodeAgain()) < countOf(bytes))
    throw new BerthError('invalidArgument', `The request is not valid: no key may be named ${lostKey}.`);
}

function countOf(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(lostKey); at >= 0; at = bytes.indexOf(lostKey, at + 1)) count += 1;
  return count;
}
