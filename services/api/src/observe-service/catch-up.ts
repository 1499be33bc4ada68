/*
 * What a subscriber missed that comes back. From this gateway's memory where that reaches back far enough, otherwise from
 * the change log; where neither does, the reason why not.
 */
import { decodeEntity, parseField } from '@berth/shared/store/codec';
import type { Replica } from '@berth/shared/store/replica';
import type { LogEntry, LogHead, LogReader } from '@berth/shared/store/store';
import {
  type CommitMark,
  type EntityNews,
  isObserved,
  markOf,
  presentNews,
  type Selection,
} from '../core/cell-news.js';
import type { ChangeTail } from './change-tail.js';

/** A gateway that is behind its subscriber has this long to catch up. */
const behindWaitMs = 5_000;

/** More entries than this are not read from the log for one subscriber: a snapshot costs less. */
const maxEntries = 20_000;

export interface Past {
  readonly replica: Replica;
  readonly tail: ChangeTail;
  readonly openLogReader: () => LogReader;
}

/** What was missed, or why that cannot be told. */
export type Missed = { readonly news: readonly EntityNews[] } | { readonly reason: string };

/**
 * What is to be told after the position, up to the replica's present state: nothing may be awaited between this and the
 * subscription. First `readPast` must have been awaited.
 */
export function missedSince(past: Past, older: OlderPast, selection: Selection): Missed {
  if ('reason' in older) return older;
  const recent = past.tail.after(older.upTo);
  if (recent === undefined) return { reason: 'the change log moved on too fast' };
  const commits = [...older.entries, ...recent];
  if (selection.filter === undefined)
    return { news: commits.flatMap((commit) => storedNews(commit, selection)) };
  // Whether an entity was in sight then cannot be told any more; where it is now can.
  const touched = commits.flatMap(({ writes }) => writes.flatMap(({ field }) => parseField(field) ?? []));
  const seen = touched.flatMap(({ kind, id }) => (isObserved(kind) ? [{ kind, id }] : []));
  const news = presentNews(seen, past.replica, { selection, commit: past.tail.last });
  return { news: news.map((one) => ({ ...one, isOutOfTurn: true })) };
}

/** The part of the past that is no longer in this gateway's memory. */
export type OlderPast =
  | { readonly upTo: LogHead; readonly entries: readonly LogEntry[] }
  | { readonly reason: string };

/**
 * Reads from the log what lies before the gateway's own memory, and waits for a gateway that is behind. Rejects with
 * BerthError `deadlineExceeded` where it stays behind, and with `unavailable` where the store is away.
 */
export async function readPast(past: Past, position: LogHead, signal: AbortSignal): Promise<OlderPast> {
  const { replica, tail } = past;
  if (position.revision > replica.revision) {
    if (await isAhead(past, position)) return { reason: 'the cell was set back' };
    await replica.waitFor(position.revision, behindWaitMs, signal);
  }
  if (tail.after(position) !== undefined) return { upTo: position, entries: [] };
  if (position.revision >= tail.start.revision)
    return { reason: 'the position is of another history of the cell' };
  if (position.commitId === '')
    return { reason: 'the position has no commit id, and lies too far back without' };
  const reader = past.openLogReader();
  try {
    return await readUpTo(past, reader, { position, signal });
  } finally {
    await reader.close();
  }
}

async function isAhead(past: Past, position: LogHead): Promise<boolean> {
  const reader = past.openLogReader();
  try {
    return (await reader.head()).revision < position.revision;
  } finally {
    await reader.close();
  }
}

async function readUpTo(
  { replica, tail }: Past,
  reader: LogReader,
  { position, signal }: { readonly position: LogHead; readonly signal: AbortSignal },
): Promise<OlderPast> {
  const entries: LogEntry[] = [];
  let at = position;
  while (tail.after(at) === undefined) {
    if (entries.length > maxEntries) return { reason: `more than ${maxEntries} commits were missed` };
    const read = await reader.readLog(at, 0);
    if (!read.ok)
      return { reason: read.reason === 'trimmed' ? 'the change log was trimmed' : 'the cell was set back' };
    const last = read.entries.at(-1);
    if (last === undefined) return { reason: 'the change log ends too early' };
    for (const entry of read.entries) entries.push(entry);
    at = { revision: last.revision, commitId: last.commitId };
    // The log may be read faster than the replica follows it; only what the replica has seen meets the gateway's memory.
    await replica.waitFor(at.revision, behindWaitMs, signal);
  }
  return { upTo: at, entries };
}

function storedNews(
  commit: CommitMark & Pick<LogEntry, 'writes'>,
  { kinds }: Selection,
): readonly EntityNews[] {
  const mark = markOf(commit);
  return commit.writes.flatMap((stored) => {
    const name = parseField(stored.field);
    if (name === undefined || !isObserved(name.kind) || !kinds.has(name.kind)) return [];
    const entity = stored.bytes.length === 0 ? undefined : decodeEntity(stored);
    return [{ kind: name.kind, id: name.id, entity, commit: mark }];
  });
}
