import { type CancelTimer, startInterval, systemClock } from '@berth/shared/process/clock';
import { MessageBurst } from '@berth/shared/rpc/streaming/message-burst';

/** The checks in the time that a stream may be silent. A silence lasts at most that time. */
const checksPerSilence = 10;

/** A message without any field: of every type, and without a meaning. */
export const emptyMessage: MessageBurst = MessageBurst.of([new Uint8Array()]);

/** A stream that must not be silent for long. */
export interface SilentStream {
  /** Sends the message if nothing was sent for so long and nothing waits. */
  breakSilence(message: MessageBurst, silentMs: number): void;
}

/**
 * Sends an empty message to streams that have been silent for long. Load balancers reset streams without
 * messages, and the keep-alives of HTTP/2 do not count for them.
 */
export class SilenceBreaker {
  readonly #streams = new Set<SilentStream>();
  readonly #cancelTimer: CancelTimer | undefined;

  /** With 0 streams may be silent for ever. */
  constructor(longestMs: number) {
    if (longestMs === 0) return;
    const everyMs = longestMs / checksPerSilence;
    this.#cancelTimer = startInterval(systemClock, everyMs, () => {
      for (const stream of this.#streams) stream.breakSilence(emptyMessage, longestMs - everyMs);
    });
  }

  /** Watches the stream from now on. */
  add(stream: SilentStream): void {
    this.#streams.add(stream);
  }

  remove(stream: SilentStream): void {
    this.#streams.delete(stream);
  }

  close(): void {
    this.#cancelTimer?.();
  }
}
