import { FrameWriter } from '@berth/shared/model/wire/frame-writer';
import { MessageBurst, prefixBytes, writePrefix } from '@berth/shared/rpc/streaming/message-burst';
import type { PendingMessage } from '../../tuning/encoding/pending-message.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { notReady } from './initial-messages.js';
import { takeBurst } from './take-burst.js';

const sizeOf = ({ byteLength }: PendingMessage): number => byteLength;

/**
 * Writes the next messages of a snapshot or backfill as one burst. Undefined after the last one. Its memory
 * is reused after its release.
 */
export function nextSnapshotBurst(
  messages: Iterator<PendingMessage | typeof notReady>,
  { blocks, burstBytes }: Pick<ObserveTuning, 'blocks' | 'burstBytes'>,
): MessageBurst | typeof notReady | undefined {
  const { messages: taken, isNotReady } = takeBurst<PendingMessage>(messages, { burstBytes, sizeOf });
  if (taken.length === 0) return isNotReady ? notReady : undefined;
  const bytes = taken.reduce((sum, { byteLength }) => sum + prefixBytes + byteLength, 0);
  const block = blocks.take(bytes);
  const frames = block?.subarray(0, bytes) ?? Buffer.allocUnsafeSlow(bytes);
  let at = 0;
  for (const message of taken) {
    writePrefix(frames, at, message.byteLength);
    message.writeTo(new FrameWriter(frames, at + prefixBytes));
    at += prefixBytes + message.byteLength;
  }
  return new MessageBurst(frames, taken.length, block && (() => blocks.giveBack(block)));
}
