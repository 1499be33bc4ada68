import { type Route, routes } from './routes.js';

/** Path parameters by name, decoded. */
export type PathParams = Readonly<Record<string, string>>;

export type Match =
  | { readonly route: Route; readonly params: PathParams }
  /** The path is known, with these verbs. */
  | { readonly allowed: readonly string[] };

interface Pattern {
  readonly route: Route;
  readonly names: readonly string[];
  readonly regexp: RegExp;
}

const patterns: readonly Pattern[] = routes.map((route) => ({
  route,
  names: paramsOf(route.path),
  // A colon in an id is written as %3A, so that it cannot be taken for what stands before a verb.
  regexp: new RegExp(`^${route.path.replace(/\{\w+\}/g, '([^/:]+)')}$`),
}));

/** The names in braces. */
export function paramsOf(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/** The route of a request; undefined where nothing is served at the path. `path` is as sent, without the query. */
export function matchRoute(verb: string, path: string): Match | undefined {
  const matching = patterns.flatMap(({ route, names, regexp }) => {
    const found = regexp.exec(path);
    const params = found === null ? undefined : decoded(names, found.slice(1));
    return params === undefined ? [] : [{ route, params }];
  });
  const match = matching.find(({ route }) => route.verb === verb);
  if (match !== undefined || matching.length === 0) return match;
  return { allowed: matching.map(({ route }) => route.verb) };
}

function decoded(names: readonly string[], parts: readonly string[]): PathParams | undefined {
  try {
    return Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(parts[index] ?? '')]));
  } catch {
    // Not percent-encoding: no path of ours.
    return undefined;
  }
}
