/*
 * What is worked out of an object once, for all who share the object. A WeakMap would do the same, and keep what it holds for far
 * longer: while only V8's young generation is collected, the values of a table that has grown old count as alive, whether or not
 * their keys are. In a gateway that was some kilobytes for each commit, and the collection of everything twice a second.
 */

const kept = Symbol('kept');

interface Keeper {
  readonly [kept]?: Map<object, unknown>;
}

/** What `make` gave for this owner and key; made when it is first asked for, and gone with the owner. One key stands for one type. */
export function memoizeOn<V>(owner: object, key: object, make: () => V): V {
  const values = (owner as Keeper)[kept] ?? newValues(owner);
  const known = values.get(key);
  if (known !== undefined) return known as V;
  const value = make();
  values.set(key, value);
  return value;
}

/** Out of sight: a copy of the owner begins without them. */
function newValues(owner: object): Map<object, unknown> {
  const values = new Map<object, unknown>();
  Object.defineProperty(owner, kept, { value: values });
  return values;
}
