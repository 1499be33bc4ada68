/** The length of the change log. A reader that is further behind takes a snapshot. */
export const defaultLogLength = 100_000;

/**
 * The length of a stream of assignments, in commits. It may be short: agents read all their assignments from
 * time to time.
 */
export const assignmentStreamLength = 1_000;

/** Reports are stored, read and acknowledged in batches of this many. */
export const reportsPerBatch = 100;

/**
 * The length of the stream of reports, in batches. Without a master it grows; beyond this the oldest go,
 * before the memory is full.
 */
export const reportStreamLength = 1_000_000;

/** A part of a job's archive that holds this many bytes takes no more. A job has two parts at most. */
export const archivePartBytes = 16 * 1024 * 1024;

/** A commit waits this long for its reply. Then its outcome is unknown. */
export const defaultCommitTimeoutMs = 15_000;

/** The store remembers a commit id well beyond the time in which its sender may repeat it. */
export const commitMemoryMs = 150_000;

/**
 * One read of the log returns at most this many entries: some milliseconds of a busy cell, so the first ones
 * do not wait long.
 */
export const entriesPerRead = 32;

/** Any other command waits this long for its reply, attempts over new connections included. */
export const commandTimeoutMs = 10_000;

/** Samples wait this long only: they are worth less than the commands behind them. */
export const sampleTimeoutMs = 1_000;

/** A feed of samples renews its subscription this often, and finds a lost connection by it. */
export const sampleRenewalMs = 1_000;

/** A connection without a reply for this long counts as dead. */
export const replyTimeoutMs = 5_000;

/** A blocking reader waits this long for a lost connection before it reports the loss to its caller. */
export const readerPatienceMs = 2_000;

/** The store forgets an observation of a job after this long. */
export const observedMemoryMs = 7 * 24 * 3600 * 1000;
