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

interface OwnMetricsReaderOptions {
  readonly runtime: Pick<ContainerRuntime, 'readMetrics'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  onPage(outcome: 'read' | 'failed'): void;
}

/** A task and the address of its own metrics. */
interface OwnPage {
  readonly taskId: string;
  readonly endpoint: MetricsEndpoint;
}

/** The times are elapsed times. So setting the clock neither changes rates nor leaves a page unread. */
interface PageState {
  readonly reading?: PageReading;
  readonly failures: number;
  readonly notBeforeMs: number;
}

const newPage: PageState = { failures: 0, notBeforeMs: 0 };
/** The number of pages that are read at one time. */
const pagesAtOnce = 16;
/** A page that fails gets a pause. So tasks without an answer do not delay the others. */
const failurePolicy: BackoffPolicy = { initialMs: 1_000, maxMs: 20_000, jitter: 0.3 };

/** Reads the metrics that the tasks of one agent publish themselves. */
export class OwnMetricsReader {
  readonly #options: OwnMetricsReaderOptions;
  readonly #gate = new Semaphore(pagesAtOnce);
  #pages: ReadonlyMap<string, PageState> = new Map();

  constructor(options: OwnMetricsReaderOptions) {
    this.#options = options;
  }

  /** Returns the metrics of each task whose page can be read now. Forgets all other tasks. */
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
