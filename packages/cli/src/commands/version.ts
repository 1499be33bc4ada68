import { createRequire } from 'node:module';
import type { Command } from 'commander';
import { exitCodes } from '../errors/exit-code.js';
import type { Act } from '../session/act.js';
import type { Context } from '../session/context.js';

export function addVersion(program: Command, act: Act): void {
  const command = program.command('version').description('print the versions of berth and of Node');
  command.action(() => act(command, version));
}

/** Returns the line of `berth version` and of `berth --version`. */
export function versionLine(): string {
  const { berth, node } = versions();
  return `berth ${berth} (Node ${node})`;
}

function versions(): { readonly berth: string; readonly node: string } {
  const require = createRequire(import.meta.url);
  const { version } = require('../../package.json') as { version: string };
  return { berth: version, node: process.versions.node };
}

async function version(context: Context): Promise<number> {
  if (context.format === 'table') context.io.out(versionLine());
  else await context.printAll(versions());
  return exitCodes.ok;
}
