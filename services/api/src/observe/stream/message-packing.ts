/** Notifications as what is written: many small messages leave in one write. */

import { FrameWriter } from '@berth/shared/model/wire/frame-writer';
import { MessageBurst, prefixBytes, writePrefix } from '@berth/shared/rpc/streaming/message-burst';
import type { PendingMessage } from '../../tuning/encoding/pending-message.js';
import { memoizeOn } from '../../tuning/memoize-on.js';

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

/** In the place of a message: there will be more, but not yet. */
export const notReady = Symbol('notReady');

interface Taken<M> {
  readonly messages: readonly M[];
  readonly isNotReady: boolean;
}

/** Those that are taken next: as many as make a burst, or as are there. */
function takeBurst<M>(messages: Iterator<M | typeof notReady>, sizeOf: (message: M) => number): Taken<M> {
  const taken: M[] = [];
  for (let bytes = 0; bytes < burstBytes; ) {
    const { done, value } = messages.next();
    if (done === true) break;
    if (value === notReady) return { messages: taken, isNotReady: true };
    taken.push(value);
    bytes += sizeOf(value);
  }
  return { messages: taken, isNotReady: false };
}

/**
 * The memory of a burst, with some more for the last message in it. Those of a snapshot go to one subscriber only and are
 * written, a hundred thousand tasks in a quarter of a second, into memory that serves again: were each one's memory its own, the
 * collector of garbage would look at all that a gateway holds several times for each snapshot.
 */
const blockBytes = 64 * 1024;
/** Blocks that wait to serve again. */
const maxIdleBlocks = 16;
const idleBlocks: Buffer[] = [];

/**
 * The next messages of what a stream begins with, as many as make a burst; undefined at its end. Its memory serves again once it
 * is released.
 */
export function nextSnapshotBurst(
  messages: Iterator<PendingMessage | typeof notReady>,
): MessageBurst | typeof notReady | undefined {
  const { messages: taken, isNotReady } = takeBurst<PendingMessage>(messages, ({ byteLength }) => byteLength);
  if (taken.length === 0) return isNotReady ? notReady : undefined;
  const bytes = taken.reduce((sum, { byteLength }) => sum + prefixBytes + byteLength, 0);
  const block = bytes <= blockBytes ? (idleBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes)) : undefined;
  const frames = block?.subarray(0, bytes) ?? Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const message of taken) {
    writePrefix(frames, at, message.byteLength);
    message.writeTo(new FrameWriter(frames, at + prefixBytes));
    at += prefixBytes + message.byteLength;
  }
  return new MessageBurst(frames, taken.length, block && (() => giveBack(block)));
}

function giveBack(block: Buffer): void {
  if (idleBlocks.length < maxIdleBlocks) idleBlocks.push(block);
}

/** The batch in bursts, made once for all who share the batch. */
export function packedBatch<N>(batch: readonly N[], encode: Packing<N>): readonly MessageBurst[] {
  return memoizeOn(batch, encode, () => pack(batch, encode));
}

function pack<N>(batch: readonly N[], encode: Packing<N>): readonly MessageBurst[] {
  const bursts: MessageBurst[] = [];
  const all = typeof encode === 'function' ? batch.map(encode) : encode.messagesOf(batch);
  const messages = all[Symbol.iterator]();
  for (;;) {
    const burst = takeBurst<Buffer>(messages, ({ length }) => length).messages;
    if (burst.length === 0) return bursts;
    bursts.push(MessageBurst.of(burst));
  }
}
