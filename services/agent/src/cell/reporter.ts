import type { TaskReport } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { type BackoffPolicy, backoff } from '@berth/shared/process/backoff';
import { type Clock, nextTurn } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import type { ReportOutbox } from '@berth/store';
import type { Outage } from '../primitives/outage.js';

interface ReporterOptions {
  readonly outbox: ReportOutbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly outage: Outage;
}

/** The number of reports that go to the store in one call. */
const batchSize = 500;
const retryPolicy: BackoffPolicy = { initialMs: 50, maxMs: 5_000, jitter: 0.3 };

/**
 * Sends reports to the master: those of one task in order, in batches, again and again until they are stored.
 * While the store is away, at most two reports a task wait: that it ran (with the context from the host), and
 * how it ended.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  /** By agent and task, in the order of each task's first report. */
  readonly #pending = new Map<string, readonly TaskReport[]>();
  readonly #closing = new AbortController();
  #sending: Promise<void> | undefined;
  #inFlight = 0;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** The number of reports that are not stored yet. */
  get pending(): number {
    let count = this.#inFlight;
    for (const reports of this.#pending.values()) count += reports.length;
    return count;
  }

  /**
   * Takes a report over. Reports of the same turn of the event loop go together. If a task starts and runs
   * within one turn, only RUNNING is sent.
   */
  report(report: TaskReport): void {
    const key = `${report.agentId}/${report.taskId}`;
    const kept = (this.#pending.get(key) ?? []).filter((earlier) => isStillNeeded(earlier, report));
    this.#pending.set(key, [...kept, report]);
    this.#sending ??= nextTurn().then(() => this.#sendAll());
  }

  /** Resolves when everything is stored, or after `limitMs`. Sends nothing afterwards. */
  async close(limitMs: number): Promise<void> {
    const limit = new AbortController();
    await Promise.race([this.#sending, this.#options.clock.sleep(limitMs, limit.signal)]);
    limit.abort();
    this.#closing.abort();
  }

  async #sendAll(): Promise<void> {
    while (this.#pending.size > 0 && !this.#closing.signal.aborted) await this.#send(this.#takeBatch());
    // This follows in the same turn as the last check for reports. So a later report starts a new sender.
    this.#sending = undefined;
  }

  #takeBatch(): readonly TaskReport[] {
    const batch: TaskReport[] = [];
    for (const [key, reports] of this.#pending) {
      if (batch.length + reports.length > batchSize && batch.length > 0) break;
      batch.push(...reports);
      this.#pending.delete(key);
    }
    return batch;
  }

  /**
   * Sends the same batch until it is stored. A task's later reports must not overtake reports that may be
   * lost.
   */
  async #send(batch: readonly TaskReport[]): Promise<void> {
    const { outbox, clock, random, outage } = this.#options;
    const delays = backoff(retryPolicy, random);
    this.#inFlight = batch.length;
    while (!this.#closing.signal.aborted) {
      try {
        await outbox.publish(batch);
        this.#inFlight = 0;
        return outage.succeeded();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        outage.failed(error);
        await clock.sleep(delays.nextMs(), this.#closing.signal);
      }
    }
  }
}

/** A later state makes STARTING stale. A repeated report replaces the earlier one. */
function isStillNeeded(earlier: TaskReport, later: TaskReport): boolean {
  return earlier.state === State.RUNNING && later.state !== State.RUNNING;
}
