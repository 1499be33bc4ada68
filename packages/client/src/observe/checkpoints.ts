import { BerthError } from '@berth/shared/model/errors/errors';

type SendCheckpoint = (id: string) => void;

interface PendingCheckpoint {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The pending checkpoints of one subscription, across all its streams. */
export class Checkpoints {
  readonly #pending = new Map<string, PendingCheckpoint>();
  #send: SendCheckpoint | undefined;
  #sent = 0;

  /**
   * Resolves when the subscriber has received every commit that came before this call. Rejects when the
   * subscription ends before that.
   */
  wait(): Promise<void> {
    this.#sent += 1;
    const id = `checkpoint-${this.#sent}`;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send?.(id);
    });
  }

  /**
   * Sets the way to send a checkpoint request on the current stream; undefined if there is none. A new stream
   * repeats the requests that have no answer yet.
   */
  set send(send: SendCheckpoint | undefined) {
    this.#send = send;
    if (send !== undefined) for (const id of this.#pending.keys()) send(id);
  }

  reached(id: string): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.resolve();
  }

  /** Rejects all pending checkpoints, since no further stream follows. */
  end(error: unknown = new BerthError('failedPrecondition', 'The subscription has ended.')): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#send = undefined;
  }
}
