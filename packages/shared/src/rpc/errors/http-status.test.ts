import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { BerthError, type BerthErrorCode } from '../../model/errors/errors.js';
import { silentLogger } from '../../process/logger.js';
import { httpErrorCodes, toHttpError } from './http-status.js';
import { statusOf, toServiceError } from './status.js';

const httpErrorOf = (error: unknown) => toHttpError(toServiceError(error, silentLogger));

describe('errors over HTTP', () => {
  it('have a status of their own class for every code', () => {
    for (const code of Object.keys(statusOf) as BerthErrorCode[]) {
      const { httpStatus, body } = httpErrorOf(new BerthError(code, 'A sentence.'));
      const isOurs = ['internal', 'unavailable', 'unimplemented', 'deadlineExceeded'].includes(code);
      expect([code, Math.floor(httpStatus / 100)]).toEqual([code, isOurs ? 5 : 4]);
      expect(body.code).toBe(status[statusOf[code]]);
      expect(httpErrorCodes).toContain(body.code);
    }
  });

  it('contain the violations, the partial failures and the retry delay', () => {
    const error = new BerthError('resourceExhausted', 'Too much.', {
      violations: [{ field: 'a', description: 'is wrong' }],
      failures: [{ id: 'x', code: 'notFound', message: 'There is no x.' }],
      retryAfterMs: 1500,
    });
    expect(httpErrorOf(error)).toEqual({
      httpStatus: 429,
      body: {
        code: 'RESOURCE_EXHAUSTED',
        message: 'Too much.',
        violations: [{ field: 'a', description: 'is wrong' }],
        failures: [{ id: 'x', code: 'NOT_FOUND', message: 'There is no x.' }],
        retryAfterMs: 1500,
      },
    });
  });

  it('hide the messages of unknown errors from callers', () => {
    const { httpStatus, body } = httpErrorOf(new Error('a secret'));
    expect([httpStatus, body.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(body)).not.toContain('secret');
  });
});
