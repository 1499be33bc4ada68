import { backoff } from '@berth/shared/process/backoff';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { QueuedReport, ReportInbox } from '@berth/shared/store/store';

/** Reports held in memory at most; more wait in Redis. */
const maxBuffered = 2000;
const readBlockMs = 2000;

export interface ReportPumpOptions {
  readonly inbox: ReportInbox;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called when reports have come. */
  readonly onReports: () => void;
}

/**
 * Reads the agents' reports ahead of the rounds. A report stays in Redis until the commit that holds its meaning, so
 * the next leader reads again what this one had only read.
 */
export class ReportPump {
  readonly #options: ReportPumpOptions;
  #buffer: QueuedReport[] = [];
  #lastId = '0';
  #resume: (() => void) | undefined;

  constructor(options: ReportPumpOptions) {
    this.#options = options;
  }

  /** Reads until the signal aborts; trouble with Redis is waited out. */
  async run(signal: AbortSignal): Promise<void> {
    const { inbox, clock, log, onReports } = this.#options;
    const delays = backoff({ initialMs: 100, maxMs: 2000, jitter: 0.5 });
    signal.addEventListener('abort', () => this.#resume?.(), { once: true });
    while (!signal.aborted) {
      try {
        const reports = await inbox.readReports(this.#lastId, maxBuffered, readBlockMs);
        delays.reset();
        if (reports.length === 0 || signal.aborted) continue;
        this.#lastId = reports.at(-1)?.streamId ?? this.#lastId;
        this.#buffer.push(...reports);
        onReports();
        await this.#room(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, 'cannot read the reports of agents; trying again');
        await clock.sleep(delays.nextMs(), signal);
      }
    }
  }

  /** The oldest reports, at most `limit`. They stay until {@link drop}. */
  peek(limit: number): readonly QueuedReport[] {
    return this.#buffer.slice(0, limit);
  }

  /** Forgets the oldest `count` reports: they are committed. */
  drop(count: number): void {
    this.#buffer = this.#buffer.slice(count);
    if (this.#buffer.length < maxBuffered) this.#resume?.();
  }

  get pending(): number {
    return this.#buffer.length;
  }

  async #room(signal: AbortSignal): Promise<void> {
    if (this.#buffer.length < maxBuffered || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    this.#resume = undefined;
  }
}
