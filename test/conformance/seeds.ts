import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContractFacts } from './contract-facts.js';
import { parseSeedDocument } from './seed-document.js';

const root = join(import.meta.dirname, '../..');
const seedsDir = process.env.BERTH_SEEDS_DIR ?? join(root, '../shared/seeds');

/** The facts of a contract as they are kept here, taken from the tables of its documentation. */
export function keptFacts(packageName: string): ContractFacts {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'facts', `${packageName}.json`), 'utf8'));
}

/** Returns the path of the contract's documentation. Undefined if this machine does not have it. */
export function seedDocument(fileName: string): string | undefined {
  const path = join(seedsDir, fileName);
  return existsSync(path) ? path : undefined;
}

export function readSeed(path: string, packageName: string): ContractFacts {
  return parseSeedDocument(readFileSync(path, 'utf8'), packageName);
}
