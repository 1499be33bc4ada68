import type { EntityKind } from '@berth/shared/model/cell/entity';
import { invalidFields } from '@berth/shared/model/errors/errors';
import type { Claim, Release } from '../contract/claims.js';
import type { CommitRequest, Write } from '../contract/commit.js';
import type { LogHead } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { encodeAssignment } from '../wire/assignment-encoding.js';
import { encodeRecord, fieldOf } from '../wire/codec.js';
import { bytesOf } from './encoded-write.js';
import { requestViolations, streamId } from './request-violations.js';

/** A write as it is stored. Empty bytes are a removal. */
interface PreparedWrite {
  readonly kind: EntityKind;
  readonly id: string;
  readonly field: string;
  readonly expectedRevision: number | undefined;
  readonly bytes: Uint8Array;
}

/** A precondition as the store checks it. */
interface PreparedExpectation {
  readonly kind: EntityKind;
  readonly id: string;
  readonly field: string;
  readonly expectedRevision: number;
}

/** A change of one agent's assignments. Empty bytes take the task off the agent. */
interface PreparedAssignment {
  readonly agentId: string;
  readonly taskId: string;
  readonly bytes: Uint8Array;
}

interface PreparedArchive {
  readonly jobId: string;
  readonly ttlMs: number;
  readonly fields: readonly (readonly [field: string, bytes: Uint8Array])[];
}

/** A valid commit, encoded. Every store applies this form. */
export interface PreparedCommit {
  readonly commitId: string;
  readonly actor: string;
  readonly epoch?: number;
  readonly basis?: LogHead;
  readonly writes: readonly PreparedWrite[];
  readonly expects: readonly PreparedExpectation[];
  /** The changes of assignments by feed. */
  readonly assignments: ReadonlyMap<string, readonly PreparedAssignment[]>;
  readonly claims: readonly Claim[];
  readonly releaseClaims: readonly Release[];
  readonly archive: readonly PreparedArchive[];
  /** The commit acknowledges the reports below this stream id. */
  readonly firstUnacknowledged?: string;
  /** The agents that the commit removes, together with their heartbeats and assignments. */
  readonly forgottenAgents: readonly string[];
}

/** A larger commit would delay other clients of the store while it is sent and applied. */
export const maxBytesPerCommit = 32 * 1024 * 1024;

/**
 * Checks and encodes a request. A request without an id gets `commitId`. Fails with a BerthError
 * `invalidArgument` that names every violation: too many or too large parts, an entity written twice, a
 * record that cannot be encoded.
 */
export function prepareCommit(
  request: CommitRequest,
  commitId: string,
  tuning: Tuning = 'on',
): PreparedCommit {
  const violations = requestViolations(request);
  if (violations.length > 0) throw invalidFields(violations);
  const prepared: PreparedCommit = {
    commitId: request.commitId ?? commitId,
    actor: request.actor,
    ...(request.epoch === undefined ? {} : { epoch: request.epoch }),
    ...(request.basis === undefined ? {} : { basis: request.basis }),
    writes: request.writes.map((write) => prepareWrite(write, tuning)),
    expects: (request.expects ?? []).map(({ kind, id, revision }) => ({
      kind,
      id,
      field: fieldOf(kind, id),
      expectedRevision: revision,
    })),
    assignments: prepareAssignments(request, tuning),
    claims: request.claims ?? [],
    releaseClaims: request.releaseClaims ?? [],
    archive: (request.archive ?? []).map(({ jobId, ttlMs, fields }) => ({
      jobId,
      ttlMs,
      fields: Object.entries(fields),
    })),
    ...(request.ackReportsThrough === undefined
      ? {}
      : { firstUnacknowledged: followingStreamId(request.ackReportsThrough) }),
    forgottenAgents: request.writes.filter(removesAgent).map(({ id }) => id),
  };
  const bytes = sizeOf(prepared);
  if (bytes > maxBytesPerCommit) {
    const description = `${bytes} bytes are more than the ${maxBytesPerCommit} of one commit`;
    throw invalidFields([{ field: 'writes', description }]);
  }
  return prepared;
}

function removesAgent(write: Write): boolean {
  return write.kind === 'agent' && write.record === undefined;
}

function prepareWrite(write: Write, tuning: Tuning): PreparedWrite {
  const { kind, id, expectedRevision } = write;
  return {
    kind,
    id,
    field: fieldOf(kind, id),
    expectedRevision,
    bytes:
      write.record === undefined
        ? new Uint8Array(0)
        : (bytesOf(write) ?? encodeRecord(kind, write.record, tuning)),
  };
}

function prepareAssignments(request: CommitRequest, tuning: Tuning): Map<string, PreparedAssignment[]> {
  const byFeed = new Map<string, PreparedAssignment[]>();
  for (const { agentId, taskId, assignment, feed = agentId } of request.assignments ?? []) {
    const bytes = assignment === undefined ? new Uint8Array(0) : encodeAssignment(assignment, tuning);
    const list = byFeed.get(feed) ?? [];
    list.push({ agentId, taskId, bytes });
    byFeed.set(feed, list);
  }
  return byFeed;
}

/** Returns the smallest stream id above this one. */
export function followingStreamId(id: string): string {
  const [, ms, sequence] = streamId.exec(id) ?? [];
  if (ms === undefined || sequence === undefined)
    throw new TypeError(`${JSON.stringify(id)} is no stream id`);
  return `${ms}-${BigInt(sequence) + 1n}`;
}

function sizeOf(commit: PreparedCommit): number {
  let bytes = 0;
  for (const write of commit.writes) bytes += write.bytes.length;
  for (const list of commit.assignments.values())
    for (const { bytes: assigned } of list) bytes += assigned.length;
  for (const { fields } of commit.archive) for (const [, value] of fields) bytes += value.length;
  return bytes;
}
