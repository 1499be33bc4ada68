import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { MessageBurst } from './message-burst.js';

/** An encoded message, or several at once. */
export type Encoded = Buffer | MessageBurst;

/** A method that takes messages as objects, or in encoded form. */
type PassThrough<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? Omit<M, 'responseSerialize'> & Pick<MethodDefinition<Req, Res | Encoded>, 'responseSerialize'>
    : M;

type WithPassThrough<D, K extends keyof D> = {
  [Name in keyof D]: Name extends K ? PassThrough<D[Name]> : D[Name];
};

/**
 * Returns a copy of a service definition with named methods that may send encoded messages: a `Buffer` is
 * sent unchanged, and a `MessageBurst` sends many messages in one write. So a change is encoded once for
 * all its subscribers.
 */
export function passThrough<D extends ServiceDefinition, K extends keyof D & string>(
  definition: D,
  methods: readonly K[],
): WithPassThrough<D, K> {
  const copy: Record<string, MethodDefinition<unknown, unknown>> = { ...definition };
  for (const name of methods) {
    const { responseSerialize, ...rest } = definition[name] as MethodDefinition<unknown, unknown>;
    copy[name] = { ...rest, responseSerialize: (value) => encodedBytes(value) ?? responseSerialize(value) };
  }
  return copy as WithPassThrough<D, K>;
}

function encodedBytes(value: unknown): Buffer | undefined {
  if (value instanceof MessageBurst) return value.serialized;
  return Buffer.isBuffer(value) ? value : undefined;
}
