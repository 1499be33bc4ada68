import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxResultBytes, maxResultLines, resultsIn } from './results.js';

function linesOf(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  return resultsIn({ bytes: bytes.subarray(0, maxResultBytes), size: bytes.length });
}

describe('the results of a task', () => {
  it('are the lines of its file, with any line ends', () => {
    expect(linesOf('a\nb c\r\n\nd')).toEqual(['a', 'b c', '', 'd']);
    expect(linesOf('a\n')).toEqual(['a']);
    expect(linesOf('a\r\r\nb\r')).toEqual(['a', 'b']);
  });

  it('are empty if the file is empty or missing', () => {
    expect(linesOf('')).toEqual([]);
    expect(resultsIn(undefined)).toEqual([]);
  });

  it('say so if lines are cut off', () => {
    const lines = linesOf('x\n'.repeat(maxResultLines + 1));
    expect(lines).toHaveLength(maxResultLines + 1);
    expect(lines.at(-1)).toBe('[berth: cut off; kept 1000 of 1001 lines]');
  });

  it('say so if bytes are cut off, and keep the beginning', () => {
    const lines = linesOf(`${'y'.repeat(40_000)}\n${'z'.repeat(40_000)}`);
    expect(lines.map(({ length }) => length).slice(0, 2)).toEqual([40_000, maxResultBytes - 40_001]);
    expect(lines.at(-1)).toMatch(/^\[berth: cut off; kept 65536 of 80001 bytes/);
  });

  it('keep no half of a line end if the bytes are cut off within one', () => {
    const lines = resultsIn({ bytes: Buffer.from('a\r'), size: 3 });
    expect(lines).toEqual(['a', expect.stringMatching(/^\[berth: cut off; kept 2 of 3 bytes/)]);
  });

  it('are bounded text for any content of the file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.nat(100_000), (bytes, more) => {
        const lines = resultsIn({ bytes, size: bytes.length + more });
        expect(lines.length).toBeLessThanOrEqual(maxResultLines + 1);
        expect(lines.join('\n')).not.toContain('\r\n');
        expect(lines.at(-1)?.startsWith('[berth: cut off') ?? false).toBe(more > 0);
      }),
    );
  });
});
