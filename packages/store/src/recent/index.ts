export { RecentCommits, type RecentLimits } from './recent-commits.js';
export { StoredChange } from './stored-change.js';
export type { StoredCommit } from './stored-commit.js';
