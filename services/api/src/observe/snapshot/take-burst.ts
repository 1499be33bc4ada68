import { notReady } from './initial-messages.js';

interface TakenBurst<M> {
  readonly messages: readonly M[];
  /** True if the next message is not ready yet. */
  readonly isNotReady: boolean;
}

/** The limit of a burst, and the size of its messages. */
interface BurstSize<M> {
  readonly burstBytes: number;
  readonly sizeOf: (message: M) => number;
}

/** Takes the messages of the next burst: until it is full, or no more are ready. */
export function takeBurst<M>(
  messages: Iterator<M | typeof notReady>,
  { burstBytes, sizeOf }: BurstSize<M>,
): TakenBurst<M> {
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
