import type { EntityKind } from '@berth/shared/model/cell/entity';
import { type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import {
  type Claim,
  type CommitRequest,
  maxWritesPerCommit,
  type Release,
  type Write,
} from '../contract/store.js';
import { encodeAssignment } from '../wire/assignment-encoding.js';
import { encodeRecord, fieldOf } from '../wire/codec.js';

/** A write in the form in which it is stored; empty bytes are a removal. */
export interface PreparedWrite {
  readonly kind: EntityKind;
  readonly id: string;
  readonly field: string;
  readonly expectedRevision: number | undefined;
  readonly bytes: Uint8Array;
}

/** A precondition in the form in which it is checked. */
export interface PreparedExpectation {
  readonly kind: EntityKind;
  readonly id: string;
  readonly field: string;
  readonly expectedRevision: number;
}

/** A change to one agent's assignments; empty bytes take the task off. */
export interface PreparedAssignment {
  readonly agentId: string;
  readonly taskId: string;
  readonly bytes: Uint8Array;
}

export interface PreparedArchive {
  readonly jobId: string;
  readonly ttlMs: number;
  readonly fields: readonly (readonly [field: string, bytes: Uint8Array])[];
}

/** A valid commit, encoded: what both stores work from. */
export interface PreparedCommit {
  readonly commitId: string;
  readonly actor: string;
  readonly epoch?: number;
  readonly writes: readonly PreparedWrite[];
  readonly expects: readonly PreparedExpectation[];
  /** By the feed that tells of them. */
  readonly assignments: ReadonlyMap<string, readonly PreparedAssignment[]>;
  readonly claims: readonly Claim[];
  readonly releaseClaims: readonly Release[];
  readonly archive: readonly PreparedArchive[];
  /** Reports below this stream id are acknowledged. */
  readonly firstUnacknowledged?: string;
  /** Agents that the commit removes: their heartbeats and assignments go with them. */
  readonly forgottenAgents: readonly string[];
}

/** The bytes of one commit that still travel and apply without holding up others. */
export const maxBytesPerCommit = 32 * 1024 * 1024;

/**
 * Checks and encodes a request. `commitId` is used where the request has none. Fails with BerthError `invalidArgument`
 * that names all that is wrong: too many or too large parts, an entity written twice, a record that cannot be encoded.
 */
export function prepareCommit(request: CommitRequest, commitId: string): PreparedCommit {
  const violations = [
    ...sizeViolations(request),
    ...duplicateViolations(request),
    ...valueViolations(request),
  ];
  if (violations.length > 0) throw invalidFields(violations);
  const prepared: PreparedCommit = {
    commitId: request.commitId ?? commitId,
    actor: request.actor,
    ...(request.epoch === undefined ? {} : { epoch: request.epoch }),
    writes: request.writes.map(prepareWrite),
    expects: (request.expects ?? []).map(({ kind, id, revision }) => ({
      kind,
      id,
      field: fieldOf(kind, id),
      expectedRevision: revision,
    })),
    assignments: prepareAssignments(request),
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

function prepareWrite(write: Write): PreparedWrite {
  const { kind, id, expectedRevision } = write;
  return {
    kind,
    id,
    field: fieldOf(kind, id),
    expectedRevision,
    bytes: write.record === undefined ? new Uint8Array(0) : (write.bytes ?? encodeRecord(kind, write.record)),
  };
}

function prepareAssignments(request: CommitRequest): Map<string, PreparedAssignment[]> {
  const byFeed = new Map<string, PreparedAssignment[]>();
  for (const { agentId, taskId, assignment, feed = agentId } of request.assignments ?? []) {
    const bytes = assignment === undefined ? new Uint8Array(0) : encodeAssignment(assignment);
    const list = byFeed.get(feed) ?? [];
    list.push({ agentId, taskId, bytes });
    byFeed.set(feed, list);
  }
  return byFeed;
}

const streamId = /^(\d+)-(\d+)$/;

/** The least stream id above this one. */
export function followingStreamId(id: string): string {
  const [, ms, sequence] = streamId.exec(id) ?? [];
  if (ms === undefined || sequence === undefined)
    throw new TypeError(`${JSON.stringify(id)} is no stream id`);
  return `${ms}-${BigInt(sequence) + 1n}`;
}

function sizeViolations(request: CommitRequest): FieldViolation[] {
  const sizes = {
    writes: request.writes.length,
    expects: request.expects?.length ?? 0,
    assignments: request.assignments?.length ?? 0,
    claims: request.claims?.length ?? 0,
    releaseClaims: request.releaseClaims?.length ?? 0,
    archive: (request.archive ?? []).reduce((sum, { fields }) => sum + Object.keys(fields).length, 0),
  };
  return Object.entries(sizes)
    .filter(([, size]) => size > maxWritesPerCommit)
    .map(([field, size]) => ({
      field,
      description: `${size} are more than the ${maxWritesPerCommit} of one commit`,
    }));
}

function duplicateViolations(request: CommitRequest): FieldViolation[] {
  const names = {
    writes: [...request.writes, ...(request.expects ?? [])].map(({ kind, id }) => fieldOf(kind, id)),
    assignments: (request.assignments ?? []).map(({ agentId, taskId }) => `${agentId} ${taskId}`),
    claims: [...(request.claims ?? []), ...(request.releaseClaims ?? [])].map(({ name }) => name),
  };
  return Object.entries(names).flatMap(([field, all]) =>
    repeated(all).map((name) => ({
      field,
      description: `${JSON.stringify(name)} stands more than once in one commit`,
    })),
  );
}

function repeated(names: readonly string[]): string[] {
  if (new Set(names).size === names.length) return [];
  const seen = new Set<string>();
  const again = new Set<string>();
  for (const name of names) (seen.has(name) ? again : seen).add(name);
  return [...again];
}

function valueViolations(request: CommitRequest): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const check = (holds: boolean, field: string, describe: () => string) => {
    if (!holds) violations.push({ field, description: describe() });
  };
  for (const { kind, id, expectedRevision } of request.writes) {
    check(id !== '', 'writes', () => `a ${kind} needs an id`);
    const valid = expectedRevision === undefined || isCount(expectedRevision);
    check(
      valid,
      'writes',
      () => `the expected revision ${expectedRevision} of ${fieldOf(kind, id)} is no revision`,
    );
  }
  for (const { kind, id, revision } of request.expects ?? []) {
    check(
      isCount(revision),
      'expects',
      () => `the revision ${revision} of ${fieldOf(kind, id)} is no revision`,
    );
  }
  for (const { name, ttlMs } of request.claims ?? []) {
    check(
      ttlMs === undefined || isDuration(ttlMs),
      'claims',
      () => `${JSON.stringify(name)} cannot last ${ttlMs} ms`,
    );
  }
  for (const { jobId, ttlMs, fields } of request.archive ?? []) {
    check(isDuration(ttlMs), 'archive', () => `${JSON.stringify(jobId)} cannot last ${ttlMs} ms`);
    check(Object.keys(fields).length > 0, 'archive', () => `${JSON.stringify(jobId)} has no fields`);
  }
  const { epoch, ackReportsThrough: ack } = request;
  check(epoch === undefined || isCount(epoch), 'epoch', () => `${epoch} is no epoch`);
  check(
    ack === undefined || streamId.test(ack),
    'ackReportsThrough',
    () => `${JSON.stringify(ack)} is no stream id`,
  );
  return violations;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isDuration(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms > 0;
}

function sizeOf(commit: PreparedCommit): number {
  let bytes = 0;
  for (const write of commit.writes) bytes += write.bytes.length;
  for (const list of commit.assignments.values())
    for (const { bytes: assigned } of list) bytes += assigned.length;
  for (const { fields } of commit.archive) for (const [, value] of fields) bytes += value.length;
  return bytes;
}
