import { type Route, routes } from './routes.js';

/** Path parameters by name, decoded. */
export type PathParams = Readonly<Record<string, string>>;

type Match =
  | { readonly route: Route; readonly params: PathParams }
  /** The path is known, with these verbs. */
  | { readonly allowed: readonly string[] }
  /** The path is known, but a part of it is not percent-encoded UTF-8. */
  | { readonly undecodable: string };

interface Pattern {
  readonly route: Route;
  readonly names: readonly string[];
  readonly regexp: RegExp;
}

const patterns: readonly Pattern[] = routes.map((route) => ({
  route,
  names: paramsOf(route.path),
  // A colon in an id is written as %3A. So it is not the colon before a verb.
  regexp: new RegExp(`^${route.path.replace(/\{\w+\}/g, '([^/:]+)')}$`),
}));

/** The names in braces. */
export function paramsOf(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
}

/**
 * Returns the route of a request; undefined if nothing is served at the path. `path` is the raw path without
 * the query. HEAD works wherever GET does, except for streams, since they have no end.
 */
export function matchRoute(verb: string, path: string): Match | undefined {
  const matching = patterns.flatMap(({ route, names, regexp }) => {
    const parts = regexp.exec(path)?.slice(1);
    return parts === undefined ? [] : [{ route, names, parts }];
  });
  const [first] = matching;
  if (first === undefined) return undefined;
  const undecodable = first.parts.find((part) => decoded(part) === undefined);
  if (undecodable !== undefined) return { undecodable };
  const match = matching.find(({ route }) => verbsOf(route).includes(verb));
  if (match === undefined) return { allowed: matching.flatMap(({ route }) => verbsOf(route)) };
  const { route, names, parts } = match;
  return {
    route,
    params: Object.fromEntries(names.map((name, index) => [name, decoded(parts[index] ?? '') ?? ''])),
  };
}

function verbsOf({ verb, isStream }: Route): readonly string[] {
  return verb === 'GET' && isStream === undefined ? ['GET', 'HEAD'] : [verb];
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}
