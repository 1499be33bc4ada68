export { RecentCommits, type RecentLimits } from './recent-commits.js';
export type { StoredCommit } from './stored-commit.js';
