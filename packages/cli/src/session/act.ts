import type { Command } from 'commander';
import type { Context } from './context.js';

/** Runs the work of a command and keeps its exit code. */
export type Act = (command: Command, work: (context: Context) => Promise<number>) => Promise<void>;
