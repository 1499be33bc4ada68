import { Command, Option } from 'commander';
import { addAgents } from './commands/agents.js';
import { addCluster } from './commands/cluster.js';
import { addExplain } from './commands/explain.js';
import { addKill } from './commands/kill.js';
import { addKinds } from './commands/kinds.js';
import { addObserve } from './commands/observe.js';
import { addPlan } from './commands/plan.js';
import { addPs } from './commands/ps.js';
import { addRun } from './commands/run.js';
import { addScale } from './commands/scale.js';
import { addShow } from './commands/show.js';
import { addSubmit } from './commands/submit.js';
import { addVersion } from './commands/version.js';
import { type Context, createContext, defaultAddress, type GlobalOptions } from './context.js';
import { outputFormats } from './format/structured.js';
import type { Io } from './io.js';

/** Runs the work of a command and keeps its exit code. */
export type Act = (command: Command, work: (context: Context) => Promise<number>) => Promise<void>;

/** The command line as commander knows it. `setExitCode` gets what the command that ran ends with. */
export function createProgram(io: Io, setExitCode: (code: number) => void): Command {
  const program = new Command('berth')
    .description('Runs containers on a Berth cell, and shows what they do.')
    .addOption(
      new Option('--address <host:port>', `gateway to call (default: BERTH_API_GRPC, or ${defaultAddress})`),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table'))
    .addOption(
      new Option(
        '--caller-email <email>',
        "who calls (default: BERTH_CALLER_EMAIL, git's user.email, or user@host)",
      ),
    )
    .addOption(new Option('--no-color', 'print without colours; so does the environment variable NO_COLOR'))
    .showHelpAfterError('(berth --help, or berth COMMAND --help, lists what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
    });
  const act: Act = async (command, work) => {
    setExitCode(await work(createContext(io, command.optsWithGlobals<GlobalOptions>())));
  };
  const commands = [
    addRun,
    addSubmit,
    addPs,
    addShow,
    addExplain,
    addPlan,
    addObserve,
    addKill,
    addScale,
    addCluster,
    addAgents,
    addKinds,
    addVersion,
  ];
  for (const add of commands) add(program, act);
  return program;
}
