/*
 * One writer encodes all messages of the store.
 *
 * Problem: a writer has buffers of its own, and a new one for each record costs more than the fields of most
 * records.
 * Figure: of the processor's time, the status of a job took 2.2 us and then 1.0 us, a task 8.1 us and then
 * 6.2 us.
 * Benchmark: `npm run bench -- schedule` (placements per second).
 * Off: `BERTH_STORE_TUNING=off` makes a writer for each message.
 */
import { BerthError } from '@berth/shared/model/errors/errors';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Tuning } from '../contract/tuning.js';

// Encoding is synchronous, so no two messages need it at a time.
let sharedWriter = new BinaryWriter();

/**
 * Encodes the message. Fails with BerthError `invalidArgument` for one that is not complete; `name` stands in
 * that error.
 */
export function encodeMessage<T>(
  codec: { encode(message: T, writer: BinaryWriter): BinaryWriter },
  message: T,
  name: string,
  tuning: Tuning = 'on',
): Uint8Array {
  try {
    return codec.encode(message, tuning === 'on' ? sharedWriter : new BinaryWriter()).finish();
  } catch (cause) {
    // The half-written message would precede the next one.
    sharedWriter = new BinaryWriter();
    throw new BerthError('invalidArgument', `A ${name} record is not complete and cannot be encoded.`, {
      cause,
    });
  }
}
