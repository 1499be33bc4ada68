import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { Logger } from '@berth/shared/process/logger';
import type { QueuedReport, ReportInbox } from '../contract/reports.js';
import { unpackParts } from '../wire/packed-parts.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { pairs, readStreams, type StreamEntry } from './redis-stream.js';

/**
 * Reads the reports over a connection of its own. It skips a report that cannot be decoded, with an error in
 * the log. Such a report leaves the stream with the next one that is acknowledged.
 */
export class RedisReportInbox implements ReportInbox {
  readonly #connection: RedisConnection;
  readonly #keys: CellKeys;
  readonly #log: Logger;
  readonly #onClose: () => void;
  /** Nothing between these ids can be decoded, so a read after `from` may begin at `to`. */
  #passedOver: { readonly from: string; readonly to: string } | undefined;

  constructor(connection: RedisConnection, keys: CellKeys, host: { log: Logger; onClose: () => void }) {
    this.#connection = connection;
    this.#keys = keys;
    this.#log = host.log;
    this.#onClose = host.onClose;
  }

  async readReports(afterId: string, limit: number, blockMs: number): Promise<readonly QueuedReport[]> {
    const key = this.#keys.reports;
    const from = this.#passedOver?.from === afterId ? this.#passedOver.to : afterId;
    const streams = await readStreams(this.#connection, [{ key, afterId: from }], { limit, blockMs });
    const entries = streams.get(key) ?? [];
    const reports = entries.flatMap((entry) => this.#decode(entry));
    const last = entries.at(-1);
    // Without this, bad reports at the end of the stream would be read again and again, without a pause.
    if (last !== undefined) this.#passedOver = { from: reports.at(-1)?.streamId ?? afterId, to: last.id };
    return reports;
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#onClose();
  }

  #decode({ id, fields }: StreamEntry): QueuedReport[] {
    return this.#tried(id, () => unpackParts(batchIn(fields))).flatMap((bytes) =>
      this.#tried(id, () => [{ streamId: id, report: TaskReport.decode(bytes) }]),
    );
  }

  /** Returns the result of `decode`, or nothing if it fails. */
  #tried<T>(streamId: string, decode: () => T[]): T[] {
    try {
      return decode();
    } catch (err) {
      this.#log.error({ err, streamId }, `the report ${streamId} cannot be decoded and is skipped`);
      return [];
    }
  }
}

function batchIn(fields: StreamEntry['fields']): Buffer {
  for (const [name, value] of pairs(fields)) if (name === 'reports') return value;
  throw new TypeError('the entry holds no reports');
}
