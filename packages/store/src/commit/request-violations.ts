import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { type CommitRequest, maxWritesPerCommit } from '../contract/commit.js';
import { fieldOf } from '../wire/codec.js';

export const streamId = /^(\d+)-(\d+)$/;

/** Returns every reason why the request cannot be a commit. */
export function requestViolations(request: CommitRequest): FieldViolation[] {
  return [...sizeViolations(request), ...duplicateViolations(request), ...valueViolations(request)];
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
  const { epoch, basis, ackReportsThrough: ack } = request;
  check(epoch === undefined || isCount(epoch), 'epoch', () => `${epoch} is no epoch`);
  check(basis === undefined || isCount(basis.revision), 'basis', () => `${basis?.revision} is no revision`);
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
