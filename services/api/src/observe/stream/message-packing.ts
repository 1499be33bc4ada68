/* Batches of changes as bursts: many small messages leave in one write. */
import { MessageBurst } from '@berth/shared/rpc/streaming/message-burst';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { takeBurst } from '../snapshot/take-burst.js';

/**
 * Encodes notifications: each as a message of its own, or several together. All subscribers of a kind use
 * the same function or object, because the bursts of a batch are kept by it.
 */
export type Packing<N> =
  | ((notification: N) => Buffer)
  | { messagesOf(batch: readonly N[]): Iterable<Buffer> };

type PackingTuning = Pick<ObserveTuning, 'memoize' | 'burstBytes'>;

const sizeOf = ({ length }: Buffer): number => length;

/** Returns the batch as bursts. All subscribers that share the batch share them. */
export function packedBatch<N>(
  batch: readonly N[],
  packing: Packing<N>,
  tuning: PackingTuning,
): readonly MessageBurst[] {
  return tuning.memoize(batch, packing, () => pack(batch, packing, tuning.burstBytes));
}

function pack<N>(batch: readonly N[], packing: Packing<N>, burstBytes: number): readonly MessageBurst[] {
  const bursts: MessageBurst[] = [];
  const all = typeof packing === 'function' ? batch.map(packing) : packing.messagesOf(batch);
  const messages = all[Symbol.iterator]();
  for (;;) {
    const burst = takeBurst<Buffer>(messages, { burstBytes, sizeOf }).messages;
    if (burst.length === 0) return bursts;
    bursts.push(MessageBurst.of(burst));
  }
}
