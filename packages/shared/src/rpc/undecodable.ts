import type { ServiceDefinition } from '@grpc/grpc-js';
import { BerthError } from '../model/errors.js';

/**
 * Stands in the place of a request whose bytes are no message of its type. grpc-js by itself would answer INTERNAL, as if
 * the fault were the server's.
 */
export class Undecodable {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }

  /** What the caller is told. */
  toError(): BerthError {
    const message = 'The request is not valid: its bytes are no message of the type that the method takes.';
    return new BerthError('invalidArgument', message, { cause: this.error });
  }
}

/** The definition with {@link Undecodable} for what cannot be decoded. Requests that come as streams stay as they are. */
export function tolerant(definition: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(definition).map(([name, method]) => {
      if (method.requestStream) return [name, method];
      const requestDeserialize = (bytes: Buffer): unknown => {
        try {
          return method.requestDeserialize(bytes);
        } catch (error) {
          return new Undecodable(error);
        }
      };
      return [name, { ...method, requestDeserialize }];
    }),
  );
}
