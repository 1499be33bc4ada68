import { backoff } from '@berth/shared/process/backoff';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { QueuedReport, ReportInbox } from '@berth/store';

/** With this many reports in memory the reader stops: the others wait in the store. */
const maxBuffered = 2000;
/** The number of batches that one read may add. Most batches hold few reports. */
const batchesPerRead = 200;
const readBlockMs = 2000;
/**
 * Reads return at least every {@link readBlockMs}; a longer gap is a pause of this process or of the machine.
 */
const maxGapMs = 3 * readBlockMs;

interface ReportReaderOptions {
  readonly inbox: ReportInbox;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called when reports have come, and after the first read in any case. */
  readonly onReports: () => void;
}

/**
 * Reads the agents' reports ahead of the rounds. A report stays in the store until the commit that holds its
 * meaning. So the next leader reads again the reports that this one has read and not committed.
 */
export class ReportReader {
  readonly name = 'reports';
  readonly #options: ReportReaderOptions;
  #buffer: QueuedReport[] = [];
  #lastId = '0';
  #lastReadMs: number | undefined;
  #levelSinceMs: number | undefined;
  #resume: (() => void) | undefined;

  constructor(options: ReportReaderOptions) {
    this.#options = options;
  }

  /** Reads until the signal aborts; waits out failures of the store. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    const delays = backoff({ initialMs: 100, maxMs: 2000, jitter: 0.5 }, random);
    signal.addEventListener('abort', () => this.#resume?.(), { once: true });
    while (!signal.aborted) {
      try {
        await this.#read(signal);
        delays.reset();
        await this.#waitForSpace(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#levelSinceMs = undefined;
        log.warn({ err: error }, 'cannot read the reports of agents; trying again');
        await clock.sleep(delays.nextMs(), signal);
      }
    }
  }

  /**
   * Returns the oldest reports, in whole batches, because only a whole batch can be acknowledged: at most
   * `limit`, unless the first batch alone has more. They stay until {@link drop}.
   */
  peek(limit: number): readonly QueuedReport[] {
    let count = Math.min(limit, this.#buffer.length);
    while (count > 0 && !this.#endsBatch(count)) count -= 1;
    if (count === 0 && limit > 0) count = this.#firstBatch();
    return this.#buffer.slice(0, count);
  }

  /** Forgets the oldest `count` reports: they are committed. */
  drop(count: number): void {
    this.#buffer = this.#buffer.slice(count);
    if (this.#buffer.length < maxBuffered) this.#resume?.();
  }

  get pending(): number {
    return this.#buffer.length;
  }

  /** True once the first read of the reports that waited in the store is done. */
  get hasRead(): boolean {
    return this.#lastReadMs !== undefined;
  }

  /**
   * Returns the start of the present span with all reports read as they come; undefined while more may wait
   * unread.
   */
  levelSinceMs(nowMs: number): number | undefined {
    return this.#isGap(nowMs) ? undefined : this.#levelSinceMs;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { inbox, clock, onReports } = this.#options;
    const isFirst = !this.hasRead;
    // The first round waits for the first read, so that read does not wait for reports to come.
    const reports = await inbox.readReports(this.#lastId, batchesPerRead, isFirst ? 0 : readBlockMs);
    if (signal.aborted) return;
    const nowMs = clock.nowMs();
    if (batchesOf(reports) >= batchesPerRead) this.#levelSinceMs = undefined;
    else if (this.#levelSinceMs === undefined || this.#isGap(nowMs)) this.#levelSinceMs = nowMs;
    this.#lastReadMs = nowMs;
    this.#lastId = reports.at(-1)?.streamId ?? this.#lastId;
    this.#buffer.push(...reports);
    if (isFirst || reports.length > 0) onReports();
  }

  /** True if the first `count` reports are whole batches. */
  #endsBatch(count: number): boolean {
    return this.#buffer[count - 1]?.streamId !== this.#buffer[count]?.streamId;
  }

  #firstBatch(): number {
    const first = this.#buffer[0]?.streamId;
    const next = this.#buffer.findIndex(({ streamId }) => streamId !== first);
    return next < 0 ? this.#buffer.length : next;
  }

  #isGap(nowMs: number): boolean {
    return this.#lastReadMs === undefined || nowMs - this.#lastReadMs > maxGapMs;
  }

  async #waitForSpace(signal: AbortSignal): Promise<void> {
    if (this.#buffer.length < maxBuffered || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    this.#resume = undefined;
  }
}

function batchesOf(reports: readonly QueuedReport[]): number {
  return reports.filter(({ streamId }, index) => streamId !== reports[index - 1]?.streamId).length;
}
