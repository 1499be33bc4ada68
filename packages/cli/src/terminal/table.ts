import type { Colorize, Style } from './colors.js';

export interface StyledCell {
  readonly text: string;
  readonly style: Style | undefined;
}

/** The content of one cell. */
export type TableCell = string | StyledCell;

const gap = '  ';

/** Returns lines of aligned columns under bold headings. The last column is not padded. */
export function renderTable(
  headings: readonly string[],
  rows: readonly (readonly TableCell[])[],
  colorize: Colorize,
): string[] {
  const heading = headings.map((text): TableCell => ({ text, style: 'bold' }));
  return alignRows([heading, ...rows], colorize);
}

/** Returns lines of aligned columns. */
export function alignRows(rows: readonly (readonly TableCell[])[], colorize: Colorize): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, textOf(cell).length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => renderCell(cell, widths[column] ?? 0, colorize))
      .join(gap)
      .trimEnd(),
  );
}

/** Padding stays outside the style, so that trailing blanks can be removed. */
function renderCell(cell: TableCell, width: number, colorize: Colorize): string {
  const text = textOf(cell);
  const padding = ' '.repeat(width - text.length);
  return typeof cell === 'string' ? text + padding : colorize(cell.style, text) + padding;
}

function textOf(cell: TableCell): string {
  return oneLine(typeof cell === 'string' ? cell : cell.text);
}

/**
 * Makes one line of a text. A reason can hold any output of a program, and must not break lines or control
 * the terminal.
 */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').trimEnd();
}
