/*
 * The common part of the assignments of a job's tasks is encoded once and decoded once.
 *
 * Problem: the tasks of a job have the same container and the same needs, and these are most of an
 * assignment. A leader encodes thousands of them a second, and an agent that receives many decodes each.
 * Figure: with packed values (see `packed-parts.ts`) Redis takes 43 us for a task of the sustained rate, 90
 * us before.
 * Benchmark: `npm run bench -- schedule`.
 * Off: `BERTH_STORE_TUNING=off` encodes and decodes each assignment by itself.
 */
import { Assignment } from '@berth/shared/gen/berth/v1/store';
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import type { Container } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { ProtobufScanner } from '@berth/shared/model/wire/protobuf-scanner';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Tuning } from '../contract/tuning.js';
import { encodeMessage } from './shared-writer.js';

/** The part that is the same for all tasks of a job. */
type CommonPart = Pick<Assignment, 'container' | 'resources'>;

const fields = fieldNumbers['berth.v1.Assignment'];
const commonFields: ReadonlySet<number> = new Set([fields.container, fields.resources]);
/** A decoder keeps at most this many common parts. */
const maxKeptParts = 64;

/** The encoded parts by container: descriptors and everything read from them never change. */
const encodedParts = new WeakMap<
  Container,
  { readonly resources: CommonPart['resources']; readonly bytes: Uint8Array }
>();

/** Encodes the assignment. Fails with BerthError `invalidArgument` for one that is not complete. */
export function encodeAssignment(assignment: Assignment, tuning: Tuning = 'on'): Uint8Array {
  return encodeMessage(tuning === 'on' ? codec : Assignment, assignment, 'assignment', tuning);
}

const codec = {
  encode(assignment: Assignment, writer: BinaryWriter): BinaryWriter {
    const common = encodeCommon(assignment);
    Assignment.encode({ ...assignment, container: undefined, resources: undefined }, writer);
    // The order of fields is free. The common part comes last, so a decoder can cut it off.
    return writer.raw(common);
  },
};

function encodeCommon({ container, resources }: CommonPart): Uint8Array {
  const known = container && encodedParts.get(container);
  if (known !== undefined && known.resources === resources) return known.bytes;
  const bytes = Assignment.encode({ ...Assignment.fromPartial({}), container, resources }).finish();
  if (container !== undefined) encodedParts.set(container, { resources, bytes });
  return bytes;
}

/**
 * Decodes assignments. Those with equal containers and needs get the same objects, so nobody may change
 * these.
 */
export class AssignmentDecoder {
  readonly #tuning: Tuning;
  /** The decoded parts by their bytes, one character each. The last used come last. */
  readonly #parts = new Map<string, CommonPart>();

  constructor(tuning: Tuning = 'on') {
    this.#tuning = tuning;
  }

  /** Throws if the bytes are no assignment. */
  decode(bytes: Uint8Array): Assignment {
    const commonAt = this.#tuning === 'on' ? findCommon(bytes) : undefined;
    if (commonAt === undefined) return Assignment.decode(bytes);
    const assignment = Assignment.decode(bytes.subarray(0, commonAt));
    return Object.assign(assignment, this.#common(bytes.subarray(commonAt)));
  }

  #common(bytes: Uint8Array): CommonPart {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const part = this.#parts.get(key) ?? decodeCommon(bytes);
    this.#parts.delete(key);
    this.#parts.set(key, part);
    for (const oldest of this.#parts.keys()) {
      if (this.#parts.size <= maxKeptParts) break;
      this.#parts.delete(oldest);
    }
    return part;
  }
}

function decodeCommon(bytes: Uint8Array): CommonPart {
  const { container, resources } = Assignment.decode(bytes);
  return { container, resources };
}

/** Finds the common part, if it comes last. */
function findCommon(bytes: Uint8Array): number | undefined {
  const scanner = new ProtobufScanner(bytes);
  let commonAt: number | undefined;
  while (scanner.next(bytes.length)) {
    const isCommon = commonFields.has(scanner.field);
    if (isCommon) commonAt ??= scanner.start;
    else if (commonAt !== undefined) return undefined;
    scanner.skip();
  }
  return scanner.isBroken ? undefined : commonAt;
}
