#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('berth: not built yet. Run `npm start` (or `npm test`) once in this clone.');
  process.exit(2);
}
await import(main.href);
