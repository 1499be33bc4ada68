import { setFlagsFromString } from 'node:v8';

/** By how much of what it keeps a gateway's heap may grow before everything is collected; V8's own choice is 10 to 300. */
const growthPercent = 200;
const flag = 'heap-growing-percent';

/**
 * Lets the heap of this process grow further than V8 would before everything is collected, unless its own options say how far.
 * To be called once, at the start. Returns whether it did.
 *
 * V8 counts the bytes of buffers against the room that it leaves itself, but looks only at objects when it chooses how large that
 * room is: down to 8 MB. Of a gateway's garbage most is buffers, of which some 12 MB come between two collections of what is
 * young. So V8 collected everything some eight times a second, 25 ms each, for as long as its choice stood.
 */
export function letHeapGrow({ execArgv }: { readonly execArgv: readonly string[] }): boolean {
  // NODE_OPTIONS does not take it.
  const isChosen = execArgv.some((option) => option.replaceAll('_', '-').startsWith(`--${flag}`));
  if (!isChosen) setFlagsFromString(`--${flag}=${growthPercent}`);
  return !isChosen;
}
