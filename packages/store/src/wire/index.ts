export type { PreparedCommit } from '../commit/prepared-commit.js';
export { decodeEntity, encodeRecord, fieldOf, parseField } from './codec.js';
export { type PackedWrite, packWrites, unpackWrites } from './packed-writes.js';
