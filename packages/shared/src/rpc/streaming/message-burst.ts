/*
 * Problem: each message costs a write, and the published API has one change per message.
 * Figure: to ten subscribers a gateway delivers 638,000 events a second (ObserveJobs), 12.1 times the rate
 * of a server that encodes and writes each change for each subscriber. The share of this file alone was not
 * recorded.
 * Benchmark: `npm run bench -- observe --only fanout`.
 * Off: `BERTH_API_TUNING=off` has one message in each burst, and writes it alone (plain-sink.ts).
 */

/** The length of gRPC's frame prefix: one byte for the compression flag, four for the message's length. */
export const prefixBytes = 5;

/** Writes the frame prefix of an uncompressed message of this length. */
export function writePrefix(target: Buffer, at: number, length: number): void {
  target.writeUInt8(0, at);
  target.writeUInt32BE(length, at + 1);
}

/**
 * Several encoded messages that are sent in one write, each in its own frame: the receiver sees separate
 * messages. They are framed once for all the streams that send them.
 */
export class MessageBurst {
  /** The number of messages. */
  readonly count: number;
  /** All frames, one after the other. */
  readonly frames: Buffer;
  #serialized: Buffer | undefined;

  /**
   * Returns the memory for reuse, if it can be reused. The caller calls it once the burst is sent and
   * nothing reads it any more.
   */
  readonly release: (() => void) | undefined;

  /** Frames the messages; there must be at least one. */
  static of(messages: readonly Uint8Array[]): MessageBurst {
    return new MessageBurst(frame(messages), messages.length);
  }

  /** Takes this many messages that are framed already. */
  constructor(frames: Buffer, count: number, release?: () => void) {
    if (count === 0) throw new RangeError('a burst has at least one message');
    this.count = count;
    this.frames = frames;
    this.release = release;
  }

  get byteLength(): number {
    return this.frames.length;
  }

  /** The messages, cut out of their frames. */
  messages(): Buffer[] {
    const messages: Buffer[] = [];
    for (let at = 0; at < this.frames.length; ) {
      const end = at + prefixBytes + this.frames.readUInt32BE(at + 1);
      messages.push(this.frames.subarray(at + prefixBytes, end));
      at = end;
    }
    return messages;
  }

  /**
   * The value that a serializer hands to grpc-js. grpc-js writes the prefix of one message of this length,
   * and then asks this object to copy itself behind that prefix. The copy overwrites it with the first
   * message's own prefix.
   */
  get serialized(): Buffer {
    this.#serialized ??= asSerialized(this.frames);
    return this.#serialized;
  }
}

/** Marks memory that has space for a frame prefix before it. */
const isFramable = Symbol('framable');

interface Framable {
  [isFramable]?: true;
}

/**
 * Allocates memory for a message of this many bytes, with space for its frame prefix before it. A burst of
 * only this message needs no copy.
 */
export function framableBuffer(bytes: number): Buffer {
  const message: Buffer & Framable = Buffer.allocUnsafe(prefixBytes + bytes).subarray(prefixBytes);
  message[isFramable] = true;
  return message;
}

function frame(messages: readonly Uint8Array[]): Buffer {
  const only: (Uint8Array & Framable) | undefined = messages[0];
  if (messages.length === 1 && only?.[isFramable] === true) {
    const framed = Buffer.from(only.buffer, only.byteOffset - prefixBytes, prefixBytes + only.length);
    writePrefix(framed, 0, only.length);
    return framed;
  }
  const total = messages.reduce((sum, { length }) => sum + prefixBytes + length, 0);
  const frames = Buffer.allocUnsafe(total);
  let at = 0;
  for (const message of messages) {
    writePrefix(frames, at, message.length);
    frames.set(message, at + prefixBytes);
    at += prefixBytes + message.length;
  }
  return frames;
}

function asSerialized(frames: Buffer): Buffer {
  const body = frames.subarray(prefixBytes);
  body.copy = (target: Uint8Array, targetStart = 0) => {
    if (targetStart !== prefixBytes || target.length !== frames.length)
      throw new Error('this version of grpc-js frames messages in another way');
    return frames.copy(target, 0);
  };
  return body;
}
