/** How gRPC frames a message: a byte that says whether it is compressed, and its length. */
export const prefixBytes = 5;

/** Writes what stands before a message of this length; it is not compressed. */
export function writePrefix(target: Buffer, at: number, length: number): void {
  target.writeUInt8(0, at);
  target.writeUInt32BE(length, at + 1);
}

/**
 * Several encoded messages that leave in one write, each framed on its own: the receiver sees as many messages. Framed
 * once, however many streams it is written to.
 */
export class MessageBurst {
  /** How many messages there are. */
  readonly count: number;
  /** All frames, one after the other. */
  readonly frames: Buffer;
  #serialized: Buffer | undefined;

  /** Gives the memory back, where it is to serve again: to be called once the burst has left, and is not looked at any more. */
  readonly release: (() => void) | undefined;

  /** Of at least one message. */
  static of(messages: readonly Uint8Array[]): MessageBurst {
    return new MessageBurst(frame(messages), messages.length);
  }

  /** Of so many messages, framed already. */
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
   * What a serializer hands to grpc-js. That writes the prefix of one message as long as this, and then asks this to copy
   * itself behind it; the copy brings the first message's own prefix along.
   */
  get serialized(): Buffer {
    this.#serialized ??= asSerialized(this.frames);
    return this.#serialized;
  }
}

/** Says of memory that there is room for a frame before it. */
const hasRoom = Symbol('has room');

interface Framable {
  [hasRoom]?: true;
}

/** Memory for a message of so many bytes, with room for its frame before it: alone in a burst it is not copied. */
export function framableBuffer(bytes: number): Buffer {
  const message: Buffer & Framable = Buffer.allocUnsafe(prefixBytes + bytes).subarray(prefixBytes);
  message[hasRoom] = true;
  return message;
}

function frame(messages: readonly Uint8Array[]): Buffer {
  const only: (Uint8Array & Framable) | undefined = messages[0];
  if (messages.length === 1 && only?.[hasRoom] === true) {
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
