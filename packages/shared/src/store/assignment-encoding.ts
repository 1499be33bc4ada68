import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Assignment } from '../gen/berth/v1/store.js';
import { Container } from '../gen/netflix/titus/titus_job_api.js';
import { encodeMessage } from './codec.js';

/** The tag of berth.v1.Assignment.container: field 3, length-delimited. */
const containerTag = (3 << 3) | 2;

/** Descriptors never change, and the tasks of a job share its container: it is encoded once for all of them. */
const encodedContainers = new WeakMap<Container, Uint8Array>();

/** The assignment's bytes. Fails with BerthError `invalidArgument` for one that is not complete. */
export function encodeAssignment(assignment: Assignment): Uint8Array {
  return encodeMessage(codec, assignment, 'assignment');
}

const codec = {
  encode(assignment: Assignment, writer: BinaryWriter): BinaryWriter {
    const { container } = assignment;
    Assignment.encode({ ...assignment, container: undefined }, writer);
    // Fields may come in any order.
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
