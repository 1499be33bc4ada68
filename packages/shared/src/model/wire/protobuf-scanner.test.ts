import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { firstField, ProtobufScanner, tagOf } from './protobuf-scanner.js';

function message(write: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const inner = message((writer) => writer.uint32(tagOf(1)).string('größer'));
const outer = message((writer) => {
  writer.uint32(tagOf(1)).bytes(inner);
  writer.uint32(2 << 3).uint32(300);
  writer.uint32((3 << 3) | 1).double(0.5);
  writer.uint32((4 << 3) | 5).float(0.5);
  writer.uint32(tagOf(300)).string('last');
});

describe('the Protobuf scanner', () => {
  it('passes fields of all wire types in order', () => {
    const scanner = new ProtobufScanner(outer);
    const fields: number[] = [];
    while (scanner.next(outer.length)) {
      fields.push(scanner.field);
      if (scanner.field === 2) expect(scanner.value).toBe(300);
      scanner.skip();
    }
    expect(fields).toEqual([1, 2, 3, 4, 300]);
    expect(scanner.isBroken).toBe(false);
  });

  it('enters a nested message and reads its text', () => {
    const scanner = new ProtobufScanner(outer);
    expect(scanner.next(outer.length) && scanner.next(scanner.end)).toBe(true);
    expect(scanner.text()).toBe('größer');
  });

  it('returns the contents of a field without a copy', () => {
    const scanner = new ProtobufScanner(outer);
    scanner.next(outer.length);
    const contents = scanner.contents();
    expect(Buffer.from(contents)).toEqual(Buffer.from(inner));
    expect(contents.buffer).toBe(outer.buffer);
  });

  it.each([
    ['a field that ends after its message', outer.subarray(0, 5)],
    ['a group', Uint8Array.of((1 << 3) | 3, 0)],
    ['a field without a number', Uint8Array.of(0, 0)],
    ['a number without an end', Uint8Array.of(8, 0xff)],
  ])('is broken by %s', (_, bytes) => {
    const scanner = new ProtobufScanner(bytes);
    scanner.skipFields(bytes.length);
    expect(scanner.isBroken).toBe(true);
  });

  it('finds the first field only if it is the wanted one', () => {
    expect(Buffer.from(firstField(outer, 1))).toEqual(Buffer.from(inner));
    expect(firstField(outer, 2)).toHaveLength(0);
    expect(firstField(new Uint8Array(), 1)).toHaveLength(0);
  });
});
