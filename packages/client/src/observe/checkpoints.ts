import { BerthError } from '@berth/shared/model/errors/errors';

type SendCheckpoint = (id: string) => void;

interface PendingCheckpoint {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The checkpoints that one subscription waits for, over all the streams that it has. */
export class Checkpoints {
  readonly #pending = new Map<string, PendingCheckpoint>();
  #send: SendCheckpoint | undefined;
  #sent = 0;

  /** Resolves once everything that was committed before this call has been told. Rejects when the subscription ends first. */
  wait(): Promise<void> {
    this.#sent += 1;
    const id = `checkpoint-${this.#sent}`;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#send?.(id);
    });
  }

  /** How to ask, on the stream that now is; undefined where there is none. What has not been answered is asked again. */
  set send(send: SendCheckpoint | undefined) {
    this.#send = send;
    if (send !== undefined) for (const id of this.#pending.keys()) send(id);
  }

  reached(id: string): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.resolve();
  }

  /** No stream will follow. */
  end(error: unknown = new BerthError('failedPrecondition', 'The subscription has ended.')): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#send = undefined;
  }
}
