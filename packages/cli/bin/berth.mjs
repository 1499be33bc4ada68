#!/usr/bin/env -S node --
// The two dashes: Node 20 takes its own options, such as --env-file, from behind the script, too.
import { existsSync } from 'node:fs';
import module from 'node:module';

const main = new URL('../dist/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('berth: not built yet. Run `npm start` (or `npm test`) once in this clone.');
  process.exit(2);
}
// Node 22 and later keep compiled code between runs, so the next start is faster.
module.enableCompileCache?.();
await import(main.href);
