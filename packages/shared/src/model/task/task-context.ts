/* The keys of a task's context that several parts of Berth read. docs/jobs-and-tasks.md lists all keys. */

/** On an ended task that waits for its next attempt: the time of that attempt, as RFC 3339. */
export const nextAttemptKey = 'task.nextAttemptAt';

/** The address of the host at which others reach the published ports of the task. */
export const hostAddressKey = 'task.hostAddress';
