import type { FrameWriter } from '@berth/shared/model/wire/frame-writer';

/**
 * A message with a known length that is not written yet. It is written straight into the memory of its
 * burst.
 */
export interface PendingMessage {
  readonly byteLength: number;
  writeTo(writer: FrameWriter): void;
}

/** Returns a message that is encoded already. */
export function encoded(message: Uint8Array): PendingMessage {
  return { byteLength: message.length, writeTo: (writer) => writer.bytes(message) };
}

/** Yields messages that are encoded already, or that an iterator encodes on demand. */
export function* encodedMessages(messages: Iterable<Buffer>): Generator<PendingMessage, void> {
  for (const message of messages) yield encoded(message);
}
