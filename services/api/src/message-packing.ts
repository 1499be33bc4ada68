/** Notifications as what is written: many small messages leave in one write. */
import { keptWith } from '@berth/shared/model/kept-with';
import type { Encoded } from '@berth/shared/rpc/fan-out';
import { MessageBurst } from '@berth/shared/rpc/message-burst';

/**
 * A burst is full when it holds this many bytes. What is more adds nothing to the speed, and something to the delay; and a full
 * message of `observe-service/news-encoding.ts` is a burst of its own, which is not copied.
 */
const burstBytes = 48 * 1024;

/**
 * How notifications become messages: each one of its own, or several together. The same function or object serves all
 * subscribers of a kind, since what it makes of a batch is kept for the others.
 */
export type Packing<N> =
  | ((notification: N) => Buffer)
  | { messagesOf(batch: readonly N[]): Iterable<Buffer> };

/** The next messages of a snapshot, as many as make a burst; undefined at its end. */
export function nextBurst(messages: Iterator<Buffer>): Encoded | undefined {
  const taken: Buffer[] = [];
  for (let bytes = 0; bytes < burstBytes; ) {
    const { done, value } = messages.next();
    if (done === true) break;
    taken.push(value);
    bytes += value.length;
  }
  return taken.length === 0 ? undefined : new MessageBurst(taken);
}

/** The batch in bursts, made once for all who share the batch. */
export function packedBatch<N>(batch: readonly N[], encode: Packing<N>): readonly Encoded[] {
  return keptWith(batch, encode, () => pack(batch, encode));
}

function pack<N>(batch: readonly N[], encode: Packing<N>): readonly Encoded[] {
  const bursts: Encoded[] = [];
  const all = typeof encode === 'function' ? batch.map(encode) : encode.messagesOf(batch);
  const messages = all[Symbol.iterator]();
  for (let burst = nextBurst(messages); burst !== undefined; burst = nextBurst(messages)) bursts.push(burst);
  return bursts;
}
