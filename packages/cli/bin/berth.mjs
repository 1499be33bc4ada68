#!/usr/bin/env node
import { existsSync } from 'node:fs';
import module from 'node:module';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('berth: not built yet. Run `npm start` (or `npm test`) once in this clone.');
  process.exit(2);
}
// Where Node has it (22 and later), compiled code is kept between runs, and each starts faster.
module.enableCompileCache?.();
await import(main.href);
