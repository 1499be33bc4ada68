import { describe, expect, it } from 'vitest';
import { colorizer, plain } from './colors.js';
import { oneLine, renderTable } from './table.js';

describe('a table', () => {
  it('aligns its columns and leaves no blanks at the ends of lines', () => {
    const lines = renderTable(
      ['ID', 'STATE', 'REASON'],
      [
        ['a', 'RUNNING', ''],
        ['long-id', 'OK', 'why'],
      ],
      plain,
    );
    expect(lines).toEqual(['ID       STATE    REASON', 'a        RUNNING', 'long-id  OK       why']);
  });

  it('aligns visible text, without the codes of colours', () => {
    const row = [{ text: 'OK', style: 'green' as const }, 'x'];
    const [, line] = renderTable(['STATE', 'Y'], [row], colorizer(true));
    expect(line).toBe('\u001b[32mOK\u001b[0m     x');
  });

  it('lets no cell break the line or control the terminal', () => {
    expect(oneLine('a\nb\u001b[31mc\r\n')).toBe('a b [31mc');
  });
});
