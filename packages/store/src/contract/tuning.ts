/**
 * `off` does everything the plain way: the generated code encodes and decodes, one connection reads the log,
 * and nothing is pooled. The bytes in the store are the same, so processes with either value share a cell.
 * The setting `BERTH_STORE_TUNING` chooses it.
 */
export type Tuning = 'on' | 'off';
