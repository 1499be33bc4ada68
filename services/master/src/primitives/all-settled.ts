/**
 * Waits for all to end, then rejects with the first failure, if there was one: nothing goes on in the
 * background.
 */
export async function allSettled(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
