import type { TaskSample } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';
import type { SampleOutbox } from '@berth/store';
import { sampleBatches } from '../core/sample-batches.js';

interface SampleSenderOptions {
  readonly outbox: SampleOutbox;
  readonly log: Logger;
  /** Is called once for every sample, when it is published or dropped. */
  onSamples(outcome: 'published' | 'dropped', count: number): void;
}

/**
 * Publishes samples, one batch at a time and each once. Samples that the store does not take at once are
 * dropped, because the next round brings newer ones. Nothing waits here. So nothing can pile up.
 */
export class SampleSender {
  readonly #options: SampleSenderOptions;
  /** The last reason of a refusal. Each reason is logged once. */
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
      // The remaining batches would fail, too.
      onSamples('dropped', left);
      this.#logOnce(error);
    }
  }

  /** Other parts of the agent report that the store is away. */
  #logOnce(error: unknown): void {
    if (error instanceof BerthError && error.code === 'unavailable') return;
    const why = error instanceof Error ? error.message : String(error);
    if (why !== this.#refusal) this.#options.log.warn({ err: error }, `samples cannot be published: ${why}`);
    this.#refusal = why;
  }
}
