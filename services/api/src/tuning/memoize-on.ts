/*
 * Problem: bursts (and sizes, and events over HTTP) are made once for all subscribers of a batch. A WeakMap
 * keeps them for too long: while V8 collects only its young generation, the values of an old table count as
 * alive, even if their keys are gone.
 * Figure: a WeakMap kept some kilobytes for each commit, and V8 collected everything twice a second.
 * Benchmark: `npm run bench -- observe --only fanout` (events per second at 100 and 1,000 subscribers, p99
 * of the delay).
 * Off: `BERTH_API_TUNING=off` makes all of them anew for each subscriber.
 */

const memoized = Symbol('memoized');

interface Owner {
  readonly [memoized]?: Map<object, unknown>;
}

/**
 * Returns the value of `make` for this owner and key. It is made once and lives as long as the owner. One
 * key has one type.
 */
export function memoizeOn<V>(owner: object, key: object, make: () => V): V {
  const values = (owner as Owner)[memoized] ?? newValues(owner);
  const known = values.get(key);
  if (known !== undefined) return known as V;
  const value = make();
  values.set(key, value);
  return value;
}

/** Keeps nothing. */
export function makeAnew<V>(_owner: object, _key: object, make: () => V): V {
  return make();
}

/** The property is not enumerable, so a copy of the owner begins without values. */
function newValues(owner: object): Map<object, unknown> {
  const values = new Map<object, unknown>();
  Object.defineProperty(owner, memoized, { value: values });
  return values;
}
