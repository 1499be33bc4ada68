/** Encodes the parts of an error beside its code and message as the details of a `google.rpc.Status`. */
import { PartialFailure } from '../../gen/berth/v1/errors.js';
import { Any } from '../../gen/google/protobuf/any.js';
import { BadRequest, RequestInfo, RetryInfo } from '../../gen/google/rpc/error_details.js';
import type {
  BerthErrorCode,
  BerthErrorOptions,
  FieldViolation,
  IdFailure,
} from '../../model/errors/errors.js';

const typeNames = {
  badRequest: 'type.googleapis.com/google.rpc.BadRequest',
  retryInfo: 'type.googleapis.com/google.rpc.RetryInfo',
  requestInfo: 'type.googleapis.com/google.rpc.RequestInfo',
  partialFailure: 'type.googleapis.com/berth.v1.PartialFailure',
} as const;

/** How the details of an error are encoded. */
interface DetailsOptions {
  /** Gives each code its number on the wire. */
  readonly statusOf: (code: BerthErrorCode) => number;
  /** The most bytes of the lists of violations and of failures. */
  readonly maxListBytes: number;
}

/** Returns the details, with as many violations and failures as fit. */
export function encodeDetails(says: BerthErrorOptions, { statusOf, maxListBytes }: DetailsOptions): Any[] {
  const { violations = [], failures = [], retryAfterMs, requestId } = says;
  const details: Any[] = [];
  const maxBytes = violations.length > 0 && failures.length > 0 ? maxListBytes / 2 : maxListBytes;
  const add = (typeUrl: string, bytes: Uint8Array) =>
    details.push(Any.fromPartial({ typeUrl, value: Buffer.from(bytes) }));
  if (violations.length > 0) {
    const fieldViolations = fittingViolations(violations, maxBytes);
    add(typeNames.badRequest, BadRequest.encode(BadRequest.fromPartial({ fieldViolations })).finish());
  }
  if (failures.length > 0)
    add(typeNames.partialFailure, encodeFailures(failures, { statusOf, maxListBytes: maxBytes }));
  if (retryAfterMs !== undefined) {
    const seconds = Math.floor(retryAfterMs / 1000);
    const retryDelay = { seconds, nanos: Math.round((retryAfterMs - seconds * 1000) * 1_000_000) };
    add(typeNames.retryInfo, RetryInfo.encode({ retryDelay }).finish());
  }
  if (requestId !== undefined)
    add(typeNames.requestInfo, RequestInfo.encode(RequestInfo.fromPartial({ requestId })).finish());
  return details;
}

function encodeFailures(
  failures: readonly IdFailure[],
  { statusOf, maxListBytes }: DetailsOptions,
): Uint8Array {
  const sizeOf = ({ id, message }: IdFailure) => Buffer.byteLength(id) + Buffer.byteLength(message) + 12;
  const fitting = takeFitting(failures, sizeOf, maxListBytes);
  return PartialFailure.encode(
    PartialFailure.fromPartial({
      failures: fitting.map(({ id, code, message }) => ({ id, code: statusOf(code), message })),
      failed: failures.length,
    }),
  ).finish();
}

/** Descriptions are cut to these lengths, in UTF-16 code units, before fields are left out. */
const shorterChars = [80, 48, 24];

/**
 * Returns the violations within the bytes. To name each wrong field is worth more than long descriptions. If
 * even short ones do not fit, it returns the first, and how many more there are.
 */
function fittingViolations(violations: readonly FieldViolation[], maxBytes: number): FieldViolation[] {
  for (const chars of [Number.POSITIVE_INFINITY, ...shorterChars]) {
    const shortened = violations.map(({ field, description }) => ({
      field,
      description: cut(description, chars),
    }));
    if (takeFitting(shortened, sizeOfViolation, maxBytes).length === violations.length) return shortened;
  }
  const fitting = takeFitting(violations, sizeOfViolation, maxBytes);
  const others = violations.length - fitting.length;
  return [...fitting, { field: '', description: `${others} more fields are wrong` }];
}

function sizeOfViolation({ field, description }: FieldViolation): number {
  return Buffer.byteLength(field) + Buffer.byteLength(description) + 8;
}

function cut(text: string, chars: number): string {
  return text.length <= chars ? text : `${text.slice(0, chars).replace(/\p{Surrogate}$/u, '')}…`;
}

function takeFitting<T>(items: readonly T[], sizeOf: (item: T) => number, maxBytes: number): T[] {
  let bytes = 0;
  const fits = items.findIndex((item) => {
    bytes += sizeOf(item);
    return bytes > maxBytes;
  });
  return fits < 0 ? [...items] : items.slice(0, fits);
}

/** Decodes the details. Skips those of unknown types. Throws if one cannot be decoded. */
export function decodeDetails(
  details: readonly Any[],
  codeOf: (status: number) => BerthErrorCode,
): BerthErrorOptions {
  const of = (type: string) => details.filter(({ typeUrl }) => typeUrl === type).map(({ value }) => value);
  const [retry] = of(typeNames.retryInfo).map((value) => RetryInfo.decode(value).retryDelay);
  const [requestId] = of(typeNames.requestInfo).map((value) => RequestInfo.decode(value).requestId);
  return {
    violations: of(typeNames.badRequest)
      .flatMap((value) => BadRequest.decode(value).fieldViolations)
      .map(({ field, description }) => ({ field, description })),
    failures: of(typeNames.partialFailure)
      .flatMap((value) => PartialFailure.decode(value).failures)
      .map(({ id, code, message }) => ({ id, code: codeOf(code), message })),
    retryAfterMs: retry === undefined ? undefined : retry.seconds * 1000 + retry.nanos / 1_000_000,
    requestId,
  };
}
