/** One value of one series on a page of metrics. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** It can be NaN or infinite. */
  readonly value: number;
}

/** A page of metrics in Prometheus's text format. */
export interface MetricsPage {
  readonly series: readonly Series[];
  /** By name, as declared: `counter`, `gauge`, `histogram`, `summary`, `untyped`. */
  readonly types: ReadonlyMap<string, string>;
  /** The number of lines that are neither a series nor a comment. */
  readonly unreadable: number;
}

/**
 * Reads a page. It skips and counts each line that it cannot read. Timestamps, HELP and exemplars are
 * ignored.
 */
export function readMetricsPage(text: string): MetricsPage {
  const series: Series[] = [];
  const types = new Map<string, string>();
  let unreadable = 0;
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      const [, name, type] = /^#\s+TYPE\s+(\S+)\s+(\S+)$/.exec(line) ?? [];
      if (name !== undefined && type !== undefined) types.set(name, type);
      continue;
    }
    const read = seriesIn(line);
    if (read === undefined) unreadable += 1;
    else series.push(read);
  }
  return { series, types, unreadable };
}

/** The format is `NAME{LABELS} VALUE TIMESTAMP`; the timestamp is optional. */
function seriesIn(line: string): Series | undefined {
  const name = /^[A-Za-z_:][A-Za-z0-9_:]*/.exec(line)?.[0];
  if (name === undefined) return undefined;
  const afterName = line.slice(name.length).trimStart();
  const labelled = afterName.startsWith('{') ? labelsIn(afterName) : { labels: {}, rest: afterName };
  if (labelled === undefined) return undefined;
  // An exemplar begins with #.
  const [valueText = '', timestamp = '0', ...more] = (labelled.rest.split(' #')[0] ?? '').trim().split(/\s+/);
  const value = numberIn(valueText);
  if (value === undefined || more.length > 0 || !/^[-+]?\d+(\.\d+)?$/.test(timestamp)) return undefined;
  return { name, labels: labelled.labels, value };
}

/**
 * The format is `name="value"`, then a comma or the end. In the value a backslash escapes \\, \" and newline.
 */
const label = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|(?=\}))/y;
const end = /\s*\}/y;

function labelsIn(text: string): { labels: Record<string, string>; rest: string } | undefined {
  const labels: Record<string, string> = {};
  for (let at = 1; ; ) {
    end.lastIndex = at;
    if (end.test(text)) return { labels, rest: text.slice(end.lastIndex) };
    label.lastIndex = at;
    const [, name, value] = label.exec(text) ?? [];
    if (name === undefined || value === undefined) return undefined;
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    at = label.lastIndex;
  }
}

const special: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

function numberIn(text: string): number | undefined {
  const named = special.get(text.toLowerCase());
  if (named !== undefined) return named;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}
