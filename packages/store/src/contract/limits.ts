/** How much of the change log is kept: a reader that is further behind takes a snapshot. */
export const defaultLogLength = 100_000;

/** Agents read all their assignments now and then, so that the stream of changes may be short. Its entries are commits. */
export const assignmentStreamLength = 1_000;

/** Reports that are stored, read and acknowledged as one. */
export const reportsPerBatch = 100;

/** Batches of reports that no master has taken for so long that more would fill Redis: the oldest are given up. */
export const reportStreamLength = 1_000_000;

/** How long a commit may wait for its reply; then its outcome is unknown. */
export const defaultCommitTimeoutMs = 15_000;

/** How long a commit id is remembered: well beyond the time in which its sender may repeat it. */
export const commitMemoryMs = 150_000;

/** Entries of the log that one read returns at most: in a busy cell those of some milliseconds, so that the first are not kept waiting. */
export const entriesPerRead = 32;

/**
 * Over so many connections one who follows the log reads what has piled up. In each turn of its loop Redis hands one connection
 * 64 kB at most (NET_MAX_WRITES_PER_EVENT in its `server.h`), and takes all that others send it in between: in a busy cell more
 * commits than fit, so that over one connection a reader would fall ever further behind.
 */
export const followerLanes = 10;

/** Entries of the log that each of them brings: some 64 kB, where commits are large. */
export const entriesPerLane = 5;

/** How long any other command may wait for its reply, attempts over new connections included. */
export const commandTimeoutMs = 10_000;

/** How long Redis may take over samples: they are worth less than the time of what else waits for it. */
export const sampleTimeoutMs = 1_000;

/** How often a feed of samples makes sure of its subscription, and of its connection. */
export const sampleRenewalMs = 1_000;

/** A connection on which a reply has not come for so long counts as dead. */
export const replyTimeoutMs = 5_000;

/** How long a blocking reader waits for a lost connection before it tells its caller. */
export const readerPatienceMs = 2_000;

/** What is known of who observed a job is dropped after this long, whether or not it was forgotten. */
export const subscribedMemoryMs = 7 * 24 * 3600 * 1000;
