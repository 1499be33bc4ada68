import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { BerthError, type BerthErrorCode, invalidFields, notFound } from '../../model/errors/errors.js';
import { silentLogger } from '../../process/logger.js';
import { CallCancelled, fromServiceError, toServiceError } from './status.js';

const codes: readonly BerthErrorCode[] = [
  'invalidArgument',
  'notFound',
  'failedPrecondition',
  'conflict',
  'resourceExhausted',
  'unauthenticated',
  'permissionDenied',
  'unimplemented',
  'unavailable',
  'deadlineExceeded',
  'outOfRange',
  'internal',
];

const roundTrip = (error: BerthError) => fromServiceError(toServiceError(error, silentLogger));
const grpcError = (code: status, details: string): ServiceError =>
  Object.assign(new Error(details), { code, details, metadata: new Metadata() });

describe('the error table', () => {
  it.each(codes)('carries %s to the client and back', (code) => {
    expect(roundTrip(new BerthError(code, 'Something.'))).toMatchObject({ code, message: 'Something.' });
  });

  it('answers a version conflict with ABORTED, so that clients retry', () => {
    expect(toServiceError(new BerthError('conflict', 'Changed meanwhile.'), silentLogger).code).toBe(
      status.ABORTED,
    );
  });

  it('carries every field violation', () => {
    const violations = [
      { field: 'a', description: 'must be set' },
      { field: 'b["x"].c', description: 'must be a number — not "ü"' },
    ];
    expect(roundTrip(invalidFields(violations)).violations).toEqual(violations);
  });

  it('keeps the complete status small enough for clients that refuse large trailers', () => {
    const violations = Array.from({ length: 500 }, (_, index) => ({
      field: `field${index}`,
      description: 'is wrong',
    }));
    const error = toServiceError(invalidFields(violations), silentLogger);
    const header = error.metadata.get('grpc-status-details-bin')[0];
    expect(encodeURI(error.details).length + (header?.length ?? 0) * 1.34).toBeLessThan(4400);
    const carried = fromServiceError(error).violations;
    expect(carried[0]).toEqual(violations[0]);
    expect(carried.at(-1)?.description).toBe(`${500 - carried.length + 1} more fields are wrong`);
  });

  it('names every wrong field with a shorter description before it leaves fields out', () => {
    const violations = Array.from({ length: 18 }, (_, index) => ({
      field: `containers["main"].field${index}`,
      description: `must be a number from 1 to 1000, and is ${'x'.repeat(100)}`,
    }));
    const { violations: carried } = roundTrip(invalidFields(violations));
    expect(carried.map(({ field }) => field)).toEqual(violations.map(({ field }) => field));
    expect(carried[0]?.description).toMatch(/^must be a number from 1 .*…$/);
  });

  it.each(['a', ' ', '漢', 'é', '\u{1F433}', '\uD800', '%', '\n'])(
    'cuts a long message of %j to the size of a header',
    (letter) => {
      const violations = Array.from({ length: 50 }, () => ({ field: letter.repeat(20), description: 'x' }));
      const long = new BerthError('invalidArgument', letter.repeat(100_000), { violations });
      const error = toServiceError(long, silentLogger, 'r'.repeat(128));
      const header = error.metadata.get('grpc-status-details-bin')[0];
      expect(encodeURI(error.details).length).toBeLessThanOrEqual(1_010);
      expect(encodeURI(error.details).length + (header?.length ?? 0) * 1.34).toBeLessThan(4400);
      expect(error.details).toMatch(/…$/);
      expect(fromServiceError(error).violations.length).toBeGreaterThan(3);
    },
  );

  it('hides an unexpected error from callers, and logs it completely', () => {
    const lines: unknown[] = [];
    const log = { error: (bindings: unknown) => void lines.push(bindings) };
    const cause = new TypeError('x is undefined');
    expect(toServiceError(cause, log)).toMatchObject({
      code: status.INTERNAL,
      details: expect.not.stringContaining('undefined'),
    });
    expect(lines).toEqual([{ err: cause }]);
  });

  it('can send a message that holds a lone surrogate', () => {
    const error = toServiceError(new BerthError('notFound', 'no \ud800 here'), silentLogger);
    expect(encodeURI(error.details)).toContain('no%20');
  });

  it('names the status of a cancelled call CANCELLED', () => {
    expect(toServiceError(new CallCancelled(), silentLogger).code).toBe(status.CANCELLED);
  });
});

describe('an error of a call', () => {
  it('becomes a BerthError of the nearest code, from any server', () => {
    expect(fromServiceError(grpcError(status.ALREADY_EXISTS, 'x')).code).toBe('conflict');
    expect(fromServiceError(grpcError(status.DATA_LOSS, 'x')).code).toBe('internal');
    expect(fromServiceError(grpcError(status.CANCELLED, 'x')).code).toBe('unavailable');
    expect(fromServiceError(new Error('no status at all')).code).toBe('internal');
  });

  it('stays readable if its details are not', () => {
    const error = grpcError(status.INVALID_ARGUMENT, 'bad');
    error.metadata.set('grpc-status-details-bin', Buffer.from([0xff, 0xff, 0xff]));
    expect(fromServiceError(error)).toMatchObject({
      code: 'invalidArgument',
      message: 'bad',
      violations: [],
    });
  });

  it('stays unchanged if it is a BerthError already', () => {
    const error = notFound('job', 'x');
    expect(fromServiceError(error)).toBe(error);
  });
});
