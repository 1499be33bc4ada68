import { describe, expect, it } from 'vitest';
import { splitWords } from './words.js';

describe('splitting a command line', () => {
  it.each([
    ['sleep 10', ['sleep', '10']],
    ['  a   b\tc\n', ['a', 'b', 'c']],
    [`sh -c 'exit 3; echo "x"'`, ['sh', '-c', 'exit 3; echo "x"']],
    ['echo "a \\"b\\" $HOME \\n" c\\ d', ['echo', 'a "b" $HOME \\n', 'c d']],
    [`a'b'"c"`, ['abc']],
    [`x '' ""`, ['x', '', '']],
    ['', []],
  ])('%j', (line, words) => {
    expect(splitWords(line)).toEqual(words);
  });

  it('refuses an open quote', () => {
    expect(splitWords(`echo 'a`)).toBeUndefined();
  });
});
