/**
 * Splits a command line into words like a shell: blanks separate words, quotes and backslashes keep them
 * together. Nothing is expanded. Undefined if a quote stays open.
 */
export function splitWords(line: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let index = 0; index < line.length; index += 1) {
    const char = line.charAt(index);
    if (char === '\\' && quote !== "'" && index + 1 < line.length) {
      index += 1;
      word = (word ?? '') + escaped(line.charAt(index), quote);
    } else if (quote !== '') {
      if (char === quote) quote = '';
      else word = (word ?? '') + char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (quote !== '') return undefined;
  return word === undefined ? words : [...words, word];
}

/** Between double quotes, a backslash stays unless the next character needs it. */
function escaped(char: string, quote: string): string {
  return quote === '"' && !'"\\$`'.includes(char) ? `\\${char}` : char;
}
