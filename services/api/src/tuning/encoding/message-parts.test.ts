import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsOf, writeParts } from './message-parts.js';

/** A field of any wire type, also with a number that takes two bytes. */
const aField = fc.record({
  number: fc.constantFrom(1, 2, 3, 15, 16, 31, 300),
  type: fc.constantFrom(WireType.Varint, WireType.Bit64, WireType.LengthDelimited, WireType.Bit32),
  size: fc.constantFrom(0, 1, 127, 128, 20_000),
});
type Field = typeof aField extends fc.Arbitrary<infer F> ? F : never;

function writeField(writer: BinaryWriter, { number, type, size }: Field): void {
  writer.tag(number, type);
  if (type === WireType.Varint) writer.uint32(size);
  else if (type === WireType.Bit64) writer.fixed64(size);
  else if (type === WireType.Bit32) writer.fixed32(size);
  else writer.bytes(new Uint8Array(size).fill(number));
}

function encode(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const field of fields) writeField(writer, field);
  return writer.finish();
}

describe('parts of a message', () => {
  it('are the requested fields in their order, with any other fields between them', () => {
    fc.assert(
      fc.property(fc.array(aField, { maxLength: 12 }), fc.subarray([1, 2, 3, 15]), (fields, wanted) => {
        const writer = new BinaryWriter();
        writeParts(writer, { tag: 10, message: encode(fields), fields: bitsOf(wanted) });
        const reader = new BinaryReader(writer.finish());
        expect(reader.tag()).toEqual([1, WireType.LengthDelimited]);
        const kept = reader.bytes();
        expect(Buffer.from(kept)).toEqual(
          Buffer.from(encode(fields.filter(({ number }) => wanted.includes(number)))),
        );
        expect(reader.pos).toBe(reader.len);
      }),
    );
  });

  it('cannot be taken from a message that is cut off', () => {
    const message = encode([{ number: 1, type: WireType.LengthDelimited, size: 127 }]);
    const request = { tag: 10, message: message.subarray(0, 100), fields: bitsOf([1]) };
    expect(() => writeParts(new BinaryWriter(), request)).toThrow(RangeError);
  });
});
