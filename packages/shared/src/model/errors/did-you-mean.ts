/** The number of letters that may differ if one word counts as a misspelling of the other. */
const maxEdits = 2;

/** Returns the known word that was probably meant; undefined if none is near. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const meant = word.toLowerCase();
  const ranked = known
    // Callers may write words of any length, and a comparison costs the product of both.
    .filter(({ length }) => Math.abs(length - word.length) <= maxEdits)
    .map((candidate) => ({ candidate, edits: editDistance(meant, candidate.toLowerCase()) }))
    .filter(({ candidate, edits }) => edits <= maxEdits && edits < candidate.length / 2)
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.candidate;
}

/** Returns the number of letters to change, add or omit to turn one word into the other. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= to.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
