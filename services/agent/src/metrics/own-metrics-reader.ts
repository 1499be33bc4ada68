import type { MetricsEndpoint } from '@berth/shared/model/task/task-metrics';
import { type BackoffPolicy, delayAfter } from '@berth/shared/process/backoff';
import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import { maxOwnMetrics, ownMetrics, type PageReading, readPage } from '../core/own-metrics.js';
import { readMetricsPage } from '../core/prometheus-text.js';
import type { Metrics } from '../core/usage.js';
import { Semaphore } from '../primitives/semaphore.js';
import type { ContainerRuntime } from '../runtime/contract/container-runtime.js';

export interface OwnMetricsReaderOptions {
  readonly runtime: Pick<ContainerRuntime, 'readMetrics'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  onPage(outcome: 'read' | 'failed'): void;
}

/** A task and where its own metrics are. */
export interface OwnPage {
  readonly taskId: string;
  readonly endpoint: MetricsEndpoint;
}

/** By the clock's elapsed time: a clock that is set must not change rates, nor leave a page unread. */
interface PageState {
  readonly reading?: PageReading;
  readonly failures: number;
  readonly notBeforeMs: number;
}

const newPage: PageState = { failures: 0, notBeforeMs: 0 };
/** Pages that are awaited at a time. */
const pagesAtOnce = 16;
/** A page that fails is left alone for a while, so that tasks which do not answer do not hold up those that do. */
const failurePolicy: BackoffPolicy = { initialMs: 1_000, maxMs: 20_000, jitter: 0.3 };

/** What tasks of one agent publish of themselves. */
export class OwnMetricsReader {
  readonly #options: OwnMetricsReaderOptions;
  readonly #gate = new Semaphore(pagesAtOnce);
  #pages: ReadonlyMap<string, PageState> = new Map();

  constructor(options: OwnMetricsReaderOptions) {
    this.#options = options;
  }

  /** The metrics of those tasks whose page can be read now; other tasks are forgotten. */
  async read(pages: readonly OwnPage[]): Promise<ReadonlyMap<string, Metrics>> {
    const before = this.#pages;
    const next = new Map<string, PageState>();
    const metrics = new Map<string, Metrics>();
    const readIfDue = async (page: OwnPage): Promise<void> => {
      const { taskId } = page;
      const state = before.get(taskId) ?? newPage;
      const isDue = state.notBeforeMs <= elapsedMs(this.#options.clock);
      const seen = isDue ? await this.#gate.run(() => this.#readOne(page, state)) : state;
      next.set(taskId, seen);
      if (isDue && seen.failures === 0 && seen.reading !== undefined)
        metrics.set(taskId, ownMetrics(state.reading, seen.reading));
    };
    await Promise.all(pages.map(readIfDue));
    this.#pages = next;
    return metrics;
  }

  forgetAll(): void {
    this.#pages = new Map();
  }

  async #readOne({ taskId, endpoint }: OwnPage, state: PageState): Promise<PageState> {
    const { runtime, clock, random, log, onPage } = this.#options;
    try {
      const page = readMetricsPage(await runtime.readMetrics(taskId, endpoint));
      onPage('read');
      const reading = readPage(page, elapsedMs(clock));
      if (state.reading === undefined && reading.leftOut > 0)
        log.warn(
          { taskId },
          `the task publishes ${reading.leftOut} metrics more than ${maxOwnMetrics}, which are left out`,
        );
      return { reading, failures: 0, notBeforeMs: 0 };
    } catch (err) {
      onPage('failed');
      if (state.failures === 0)
        log.info({ err, taskId }, 'the metrics of the task cannot be read; trying again');
      const failures = state.failures + 1;
      const waitMs = delayAfter(failurePolicy, state.failures, random.fraction());
      const { reading } = state;
      return { ...(reading && { reading }), failures, notBeforeMs: elapsedMs(clock) + waitMs };
    }
  }
}
