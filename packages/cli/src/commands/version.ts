import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { exitCodes } from '../errors/exit-code.js';
import type { Act } from '../session/act.js';
import type { Context } from '../session/context.js';

export function addVersion(program: Command, act: Act): void {
  const command = program.command('version').description('print the versions of berth and of Node');
  command.action(() => act(command, version));
}

async function version(context: Context): Promise<number> {
  const require = createRequire(import.meta.url);
  const { version: berth } = require('../../package.json') as { version: string };
  const versions = { berth, node: process.versions.node };
  if (context.format === 'table') context.io.out(`berth ${versions.berth} (Node ${versions.node})`);
  else await context.printAll(versions);
  return exitCodes.ok;
}
