import type { TaskSample } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';
import type { SampleOutbox } from '@berth/store';
import { sampleBatches } from '../core/sample-batches.js';

export interface SampleSenderOptions {
  readonly outbox: SampleOutbox;
  readonly log: Logger;
  /** Told of every sample once, when its fate is known. */
  onSamples(outcome: 'published' | 'dropped', count: number): void;
}

/**
 * Hands samples on, one batch at a time and each once: what Redis does not take at once is dropped, since the next round brings
 * newer ones. Nothing waits here, so that nothing can pile up.
 */
export class SampleSender {
  readonly #options: SampleSenderOptions;
  /** Why Redis refuses samples, so that it is said once. */
  #refusal = '';

  constructor(options: SampleSenderOptions) {
    this.#options = options;
  }

  /** Resolves once all are published or dropped. */
  async send(agentId: string, samples: readonly TaskSample[]): Promise<void> {
    const { outbox, onSamples } = this.#options;
    let left = samples.length;
    try {
      for (const batch of sampleBatches(agentId, samples)) {
        await outbox.publishSamples(batch);
        left -= batch.samples.length;
        onSamples('published', batch.samples.length);
        this.#refusal = '';
      }
    } catch (error) {
      // The rest would only meet the same.
      onSamples('dropped', left);
      this.#logOnce(error);
    }
  }

  /** That Redis is away is told by others, whom it concerns more. */
  #logOnce(error: unknown): void {
    if (error instanceof BerthError && error.code === 'unavailable') return;
    const why = error instanceof Error ? error.message : String(error);
    if (why !== this.#refusal) this.#options.log.warn({ err: error }, `samples cannot be published: ${why}`);
    this.#refusal = why;
  }
}
