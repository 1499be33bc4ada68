export { CellTables } from './cell-tables.js';
export { Replica, resyncActor } from './replica.js';
export { startReplica } from './start-replica.js';
