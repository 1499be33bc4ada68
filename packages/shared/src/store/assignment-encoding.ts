/*
 * The tasks of a job share its container, which is most of what an assignment holds: it is encoded once for all of them, and
 * an agent that gets many of them decodes it once.
 */
import { BinaryReader, type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { Assignment } from '../gen/berth/v1/store.js';
import { Container } from '../gen/netflix/titus/titus_job_api.js';
import { encodeMessage } from './codec.js';

/** The tag of berth.v1.Assignment.container: field 3, length-delimited. */
const containerTag = (3 << 3) | WireType.LengthDelimited;
/** Containers that a reader of assignments keeps decoded. */
const maxKeptContainers = 64;

/** Descriptors never change. */
const encodedContainers = new WeakMap<Container, Uint8Array>();

/** The assignment's bytes. Fails with BerthError `invalidArgument` for one that is not complete. */
export function encodeAssignment(assignment: Assignment): Uint8Array {
  return encodeMessage(codec, assignment, 'assignment');
}

const codec = {
  encode(assignment: Assignment, writer: BinaryWriter): BinaryWriter {
    const { container } = assignment;
    Assignment.encode({ ...assignment, container: undefined }, writer);
    // Fields may come in any order; the last one is easily told from the others.
    return container === undefined ? writer : writer.uint32(containerTag).bytes(containerBytes(container));
  },
};

function containerBytes(container: Container): Uint8Array {
  const known = encodedContainers.get(container);
  if (known !== undefined) return known;
  const bytes = Container.encode(container).finish();
  encodedContainers.set(container, bytes);
  return bytes;
}

/** Decodes assignments; those with equal containers get one and the same object, which nobody may change. */
export class AssignmentDecoder {
  /** By their bytes, one character each; those used last come last. */
  readonly #containers = new Map<string, Container>();

  /** Throws where the bytes are no assignment. */
  decode(bytes: Uint8Array): Assignment {
    const from = containerPlace(bytes);
    if (from === undefined) return Assignment.decode(bytes);
    const assignment = Assignment.decode(bytes.subarray(0, from.tagAt));
    assignment.container = this.#container(bytes.subarray(from.valueAt));
    return assignment;
  }

  #container(bytes: Uint8Array): Container {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const container = this.#containers.get(key) ?? Container.decode(bytes);
    this.#containers.delete(key);
    this.#containers.set(key, container);
    for (const oldest of this.#containers.keys()) {
      if (this.#containers.size <= maxKeptContainers) break;
      this.#containers.delete(oldest);
    }
    return container;
  }
}

/** Where the container stands, if it is the last field, as {@link encodeAssignment} has it. */
function containerPlace(bytes: Uint8Array): { readonly tagAt: number; readonly valueAt: number } | undefined {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const tagAt = reader.pos;
    const tag = reader.uint32();
    if (tag !== containerTag) {
      reader.skip(tag & 7);
      continue;
    }
    const length = reader.uint32();
    return reader.pos + length === reader.len ? { tagAt, valueAt: reader.pos } : undefined;
  }
  return undefined;
}
