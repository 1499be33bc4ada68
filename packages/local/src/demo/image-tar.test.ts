import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { extract, type Headers } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { isStatic } from '../setup/busybox.js';
import { imageTar } from './image-tar.js';

async function entriesOf(
  tar: ReturnType<typeof imageTar>,
): Promise<Map<string, { header: Headers; content: Buffer }>> {
  const entries = new Map<string, { header: Headers; content: Buffer }>();
  const reader = tar.pipe(extract());
  for await (const entry of reader)
    entries.set(entry.header.name, { header: entry.header, content: await buffer(entry) });
  return entries;
}

describe('imageTar', () => {
  const busybox = Buffer.from('not really a program');

  it('holds the executable busybox, and a link to it for every other applet', async () => {
    const entries = await entriesOf(imageTar(busybox, ['busybox', 'sh', 'sleep']));
    expect(entries.get('bin/busybox')?.content).toEqual(busybox);
    expect(entries.get('bin/busybox')?.header.mode).toBe(0o755);
    expect(entries.get('bin/sh')?.header).toMatchObject({ type: 'symlink', linkname: 'busybox' });
    expect(entries.get('bin/sleep')?.header).toMatchObject({ type: 'symlink', linkname: 'busybox' });
  });

  it('has a root user and a temp folder with write permission for everybody', async () => {
    const entries = await entriesOf(imageTar(busybox, []));
    expect(entries.get('etc/passwd')?.content.toString()).toMatch(/^root:x:0:0:/);
    expect(entries.get('tmp')?.header.mode).toBe(0o1777);
  });

  it('has the same bytes each time, so that the image is the same', async () => {
    const [one, two] = await Promise.all([
      buffer(imageTar(busybox, ['sh'])),
      buffer(imageTar(busybox, ['sh'])),
    ]);
    expect(one.equals(two)).toBe(true);
  });
});

describe('isStatic', () => {
  const programHeader = { load: 1, interpreter: 3 };

  function elf(types: readonly number[]): Buffer {
    const file = Buffer.alloc(64 + types.length * 56);
    file.write('\u007fELF', 'latin1');
    file.set([2, 1], 4);
    file.writeBigUInt64LE(64n, 0x20);
    file.writeUInt16LE(56, 0x36);
    file.writeUInt16LE(types.length, 0x38);
    types.forEach((type, index) => void file.writeUInt32LE(type, 64 + index * 56));
    return file;
  }

  it('distinguishes a static program from one that needs a dynamic linker', () => {
    expect(isStatic(elf([programHeader.load, programHeader.load]))).toBe(true);
    expect(isStatic(elf([programHeader.load, programHeader.interpreter]))).toBe(false);
  });

  it('finds that the running Node is dynamically linked', async () => {
    expect(isStatic(await readFile(process.execPath))).toBe(false);
  });

  it('rejects scripts and truncated files', () => {
    expect(isStatic(Buffer.from('#!/bin/sh\n'))).toBe(false);
    expect(isStatic(elf([programHeader.load, programHeader.load]).subarray(0, 80))).toBe(false);
  });
});
