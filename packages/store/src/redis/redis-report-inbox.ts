import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { Logger } from '@berth/shared/process/logger';
import type { QueuedReport, ReportInbox } from '../contract/store.js';
import { unpackParts } from '../wire/packed-parts.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { pairs, readStreams, type StreamEntry } from './redis-stream.js';

/**
 * The reports over a connection of its own. A report that cannot be decoded is passed over with an error in the log; it
 * leaves the stream with the next one that is acknowledged.
 */
export class RedisReportInbox implements ReportInbox {
  readonly #connection: RedisConnection;
  readonly #keys: CellKeys;
  readonly #log: Logger;
  readonly #onClose: () => void;
  /** Where a reader who asks again after `from` may begin instead, since what lies between cannot be decoded. */
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
    // Without this, bad reports at the end of the stream would be read again and again, at once.
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

  /** What `decode` makes of reports of that batch; nothing where it fails. */
  #tried<T>(streamId: string, decode: () => T[]): T[] {
    try {
      return decode();
    } catch (err) {
      this.#log.error({ err, streamId }, `the report ${streamId} cannot be decoded and is passed over`);
      return [];
    }
  }
}

function batchIn(fields: StreamEntry['fields']): Buffer {
  for (const [name, value] of pairs(fields)) if (name === 'reports') return value;
  throw new TypeError('the entry holds no reports');
}
