import { arch, cpus, platform, totalmem } from 'node:os';

/** One measured case, with its comparison and the goal for their ratio or for the value itself. */
export interface BenchRow {
  readonly case: string;
  readonly value: number;
  readonly unit: string;
  readonly against?: string;
  readonly againstValue?: number;
  readonly ratio?: number;
  readonly goal?: string;
  readonly holds?: boolean;
}

/** The output of a benchmark: a table for people, and one JSON object as its last line. */
export interface BenchReport {
  readonly name: string;
  readonly conditions: Readonly<Record<string, string | number>>;
  readonly rows: readonly BenchRow[];
}

/** The machine, for the conditions of every report. */
export function machineConditions(): Record<string, string | number> {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${platform()}/${arch()}`,
    node: process.version,
  };
}

/** A value that must not exceed `limit`. */
export function atMost(name: string, value: number, unit: string, limit: number): BenchRow {
  return { case: name, value: round(value), unit, goal: `<= ${limit} ${unit}`, holds: value <= limit };
}

/** A value compared with another of the same run. Their ratio must not exceed `limit`. */
export function atMostTimes(
  name: string,
  value: number,
  against: { name: string; value: number; limit: number },
): BenchRow {
  const ratio = value / against.value;
  const compared = { against: against.name, againstValue: round(against.value), ratio: round(ratio) };
  return {
    case: name,
    value: round(value),
    unit: 'ms',
    ...compared,
    goal: `ratio <= ${against.limit}`,
    holds: ratio <= against.limit,
  };
}

/** A value for the record, without a goal. */
export function noted(name: string, value: number, unit: string): BenchRow {
  return { case: name, value: round(value), unit };
}

/** The row, with the value of another one of the same run beside it. */
export function beside(row: BenchRow, name: string, value: number): BenchRow {
  return { ...row, against: name, againstValue: round(value), ratio: round(row.value / value) };
}

export function printReport(report: BenchReport): void {
  const header = ['case', 'value', 'against', 'ratio', 'goal', ''];
  const lines = report.rows.map((row) => [
    row.case,
    `${row.value} ${row.unit}`,
    row.against === undefined ? '' : `${row.against}: ${row.againstValue}`,
    row.ratio === undefined ? '' : String(row.ratio),
    row.goal ?? '',
    row.holds === undefined ? '' : row.holds ? 'holds' : 'MISSED',
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of [header, ...lines]) {
    process.stdout.write(
      `${line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

/** The value at a quantile from 0 to 1, by the nearest rank; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN of nothing. */
export function median(values: readonly number[]): number {
  return (
    (quantile(values, 0.5) -
      quantile(
        values.map((value) => -value),
        0.5,
      )) /
    2
  );
}

function round(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}
