import { BerthError } from '@berth/shared/model/errors/errors';
import type { PreparedCommit } from '../commit/prepared-commit.js';
import type { CommitResult } from '../contract/commit.js';
import { archivePartBytes, assignmentStreamLength, commitMemoryMs } from '../contract/limits.js';
import { packChanges } from '../wire/packed-changes.js';
import { packWrites } from '../wire/packed-writes.js';
import type { CellKeys } from './keys.js';

/** The arguments of the commit script. */
interface CommitArguments {
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
}

/** Lays a commit out for the script (see `redis-commit-script.ts`). */
export function commitArguments(commit: PreparedCommit, cell: CellKeys, logLength: number): CommitArguments {
  const { entities, log, head, epoch, reports, heartbeats } = cell;
  const { basis } = commit;
  const markers = [cell.commit(commit.commitId), cell.commit(basis?.commitId ?? '')];
  const keys = [entities, log, head, epoch, reports, heartbeats, ...markers];
  const args: (string | Buffer)[] = [
    commit.commitId,
    commit.actor,
    optional(commit.epoch),
    String(logLength),
    String(assignmentStreamLength),
    String(commitMemoryMs),
    commit.firstUnacknowledged ?? '',
    String(archivePartBytes),
    keyTypes(commit),
    optional(basis?.revision),
    basis?.commitId ?? '',
  ];
  const { writes, expects, assignments, claims, releaseClaims, archive, forgottenAgents } = commit;
  args.push(packWrites(writes));
  const expected = writes.flatMap(({ expectedRevision }, index) =>
    expectedRevision === undefined ? [] : [String(index), String(expectedRevision)],
  );
  args.push(String(expected.length / 2), ...expected);
  args.push(String(expects.length));
  for (const { field, expectedRevision } of expects) args.push(field, String(expectedRevision));
  args.push(String(assignments.size));
  for (const [feed, changes] of assignments) {
    const agentIds = new Set(changes.map(({ agentId }) => agentId));
    keys.push(cell.assignments(feed), ...Array.from(agentIds, (agentId) => cell.assigned(agentId)));
    args.push(packChanges(changes));
  }
  args.push(String(claims.length));
  for (const { name, owner, ttlMs, takenFrom = '' } of claims) {
    keys.push(cell.claim(name));
    args.push(owner, optional(ttlMs), takenFrom);
  }
  args.push(String(releaseClaims.length));
  for (const { name, owner } of releaseClaims) {
    keys.push(cell.claim(name));
    args.push(owner);
  }
  args.push(String(archive.length));
  for (const { jobId, ttlMs, fields } of archive) {
    keys.push(cell.archive(jobId), cell.olderArchive(jobId));
    args.push(
      String(ttlMs),
      String(fields.length),
      ...fields.flatMap(([name, bytes]) => [name, buffer(bytes)]),
    );
  }
  args.push(String(forgottenAgents.length), ...forgottenAgents);
  keys.push(...forgottenAgents.flatMap((agentId) => [cell.assigned(agentId), cell.assignments(agentId)]));
  return { keys, args };
}

/** The types of keys that the script knows, by a letter each. An archive is a hash. A `-` is of any type. */
const typeOf = { hash: 'h', stream: 'x', string: 's', sortedSet: 'z', archive: 'a', any: '-' } as const;

/** Returns a letter for each key in the order of the keys. */
function keyTypes(commit: PreparedCommit): string {
  const { hash, stream, string, sortedSet, archive, any } = typeOf;
  const fixed = [hash, stream, hash, string, stream, sortedSet, string, string];
  const feeds = [...commit.assignments.values()].map(
    (changes) => stream + hash.repeat(new Set(changes.map(({ agentId }) => agentId)).size),
  );
  const names = string.repeat(commit.claims.length + commit.releaseClaims.length);
  const archives = archive.repeat(2 * commit.archive.length);
  return [...fixed, ...feeds, names, archives, any.repeat(2 * commit.forgottenAgents.length)].join('');
}

/** Interprets the script's reply. */
export function commitResult(reply: unknown, commit: PreparedCommit): CommitResult {
  const [status, first, second] = Array.isArray(reply) ? reply.map(String) : [];
  switch (status) {
    case 'ok':
      return { ok: true, revision: Number(first), atMs: Number(second) };
    case 'fenced':
      return { ok: false, reason: 'fenced', epoch: Number(first) };
    case 'conflict': {
      const expected = [...commit.writes, ...commit.expects][Number(first)];
      if (expected === undefined) break;
      const { kind, id } = expected;
      return { ok: false, reason: 'conflict', kind, id, actualRevision: Number(second) };
    }
    case 'diverged':
      return { ok: false, reason: 'diverged', head: { revision: Number(first), commitId: second ?? '' } };
    case 'claimed': {
      const claim = commit.claims[Number(first)];
      if (claim === undefined) break;
      return { ok: false, reason: 'claimed', name: claim.name, owner: second ?? '' };
    }
  }
  throw new BerthError(
    'internal',
    `The commit script gave a reply that cannot be read: ${JSON.stringify(reply)}`,
  );
}

function optional(value: number | undefined): string {
  return value === undefined ? '' : String(value);
}

/** Returns the same bytes as a Buffer. The Redis client sends it without a conversion. */
function buffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
