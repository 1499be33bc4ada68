import { BerthError } from '@berth/shared/model/errors/errors';

type Ask = (id: string) => void;

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The checkpoints that one subscription waits for, over all the streams that it has. */
export class Checkpoints {
  readonly #waiting = new Map<string, Waiting>();
  #ask: Ask | undefined;
  #asked = 0;

  /** Resolves once everything that was committed before this call has been told. Rejects when the subscription ends first. */
  wait(): Promise<void> {
    this.#asked += 1;
    const id = `checkpoint-${this.#asked}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#ask?.(id);
    });
  }

  /** How to ask, on the stream that now is; undefined where there is none. What has not been answered is asked again. */
  set ask(ask: Ask | undefined) {
    this.#ask = ask;
    if (ask !== undefined) for (const id of this.#waiting.keys()) ask(id);
  }

  reached(id: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.resolve();
  }

  /** No stream will follow. */
  end(error: unknown = new BerthError('failedPrecondition', 'The subscription has ended.')): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#ask = undefined;
  }
}
