/*
 * The tasks of a job share its container and its needs, which are most of what an assignment holds: these are encoded once for all
 * of them, and an agent that gets many of them decodes them once.
 */

import { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Container } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { encodeMessage } from './codec.js';
import { FieldWalk } from './field-walk.js';

/** What is the same for all tasks of a job. */
type SharedPart = Pick<Assignment, 'container' | 'resources'>;

/** Its field numbers in berth.v1.Assignment. */
const sharedFields: ReadonlySet<number> = new Set([3, 4]);
/** Shared parts that a reader of assignments keeps decoded. */
const maxKeptParts = 64;

/** Descriptors never change, nor what was read from them. */
const encodedParts = new WeakMap<
  Container,
  { readonly resources: SharedPart['resources']; readonly bytes: Uint8Array }
>();

/** The assignment's bytes. Fails with BerthError `invalidArgument` for one that is not complete. */
export function encodeAssignment(assignment: Assignment): Uint8Array {
  return encodeMessage(codec, assignment, 'assignment');
}

const codec = {
  encode(assignment: Assignment, writer: BinaryWriter): BinaryWriter {
    const shared = encodeShared(assignment);
    Assignment.encode({ ...assignment, container: undefined, resources: undefined }, writer);
    // Fields may come in any order; what is shared comes last, where it is easily told from the rest.
    return writer.raw(shared);
  },
};

function encodeShared({ container, resources }: SharedPart): Uint8Array {
  const known = container && encodedParts.get(container);
  if (known !== undefined && known.resources === resources) return known.bytes;
  const bytes = Assignment.encode({ ...Assignment.fromPartial({}), container, resources }).finish();
  if (container !== undefined) encodedParts.set(container, { resources, bytes });
  return bytes;
}

/** Decodes assignments; those with equal containers and needs get the same objects, which nobody may change. */
export class AssignmentDecoder {
  /** By their bytes, one character each; those used last come last. */
  readonly #parts = new Map<string, SharedPart>();

  /** Throws where the bytes are no assignment. */
  decode(bytes: Uint8Array): Assignment {
    const sharedAt = findShared(bytes);
    if (sharedAt === undefined) return Assignment.decode(bytes);
    const assignment = Assignment.decode(bytes.subarray(0, sharedAt));
    return Object.assign(assignment, this.#shared(bytes.subarray(sharedAt)));
  }

  #shared(bytes: Uint8Array): SharedPart {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const part = this.#parts.get(key) ?? decodeShared(bytes);
    this.#parts.delete(key);
    this.#parts.set(key, part);
    for (const oldest of this.#parts.keys()) {
      if (this.#parts.size <= maxKeptParts) break;
      this.#parts.delete(oldest);
    }
    return part;
  }
}

function decodeShared(bytes: Uint8Array): SharedPart {
  const { container, resources } = Assignment.decode(bytes);
  return { container, resources };
}

/** Where what is shared begins, if it comes last, as {@link encodeAssignment} has it. */
function findShared(bytes: Uint8Array): number | undefined {
  const walk = new FieldWalk(bytes);
  let sharedAt: number | undefined;
  while (walk.next(bytes.length)) {
    const isShared = sharedFields.has(walk.field);
    if (isShared) sharedAt ??= walk.start;
    else if (sharedAt !== undefined) return undefined;
    walk.skip();
  }
  return walk.isBroken ? undefined : sharedAt;
}
