import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** A method that sends messages as they are, and buffers as what already is an encoded message. */
export type PassThrough<M> =
  M extends MethodDefinition<infer Req, infer Res>
    ? Omit<M, 'responseSerialize'> & Pick<MethodDefinition<Req, Res | Buffer>, 'responseSerialize'>
    : M;

export type WithPassThrough<D, K extends keyof D> = {
  [Name in keyof D]: Name extends K ? PassThrough<D[Name]> : D[Name];
};

/**
 * A copy of a service definition in which the named methods may send a `Buffer`, which goes out unchanged: a change
 * is encoded once for all its subscribers.
 */
export function passThrough<D extends ServiceDefinition, K extends keyof D & string>(
  definition: D,
  methods: readonly K[],
): WithPassThrough<D, K> {
  const copy: Record<string, MethodDefinition<unknown, unknown>> = { ...definition };
  for (const name of methods) {
    const { responseSerialize, ...rest } = definition[name] as MethodDefinition<unknown, unknown>;
    const serialize = (value: unknown) => (Buffer.isBuffer(value) ? value : responseSerialize(value));
    copy[name] = { ...rest, responseSerialize: serialize };
  }
  return copy as WithPassThrough<D, K>;
}
