/*
 * The times of the heartbeats by which gateways report that a job is observed. The master waits longer than
 * two heartbeats in a row may take.
 */

/** While a stream on a Transient job is open, its gateway says so this often. */
export const touchEveryMs = 2_000;

/** The master looks this often while there are Transient jobs. */
export const lookEveryMs = 2_000;

/** A job counts as unobserved once nothing was heard for this long. */
export const silenceMs = 3 * touchEveryMs;
