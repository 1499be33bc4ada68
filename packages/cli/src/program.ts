import { Command, Option } from 'commander';
import { addCluster } from './commands/clusters/cluster.js';
import { addKinds } from './commands/clusters/kinds.js';
import { addKill } from './commands/jobs/kill.js';
import { addObserve } from './commands/jobs/observe.js';
import { addPs } from './commands/jobs/ps.js';
import { addRun } from './commands/jobs/run.js';
import { addScale } from './commands/jobs/scale.js';
import { addShow } from './commands/jobs/show.js';
import { addSubmit } from './commands/jobs/submit.js';
import { addAgents } from './commands/placement/agents.js';
import { addExplain } from './commands/placement/explain.js';
import { addPlan } from './commands/placement/plan.js';
import { addVersion, versionLine } from './commands/version.js';
import { withAdvice } from './errors/advice.js';
import type { Act } from './session/act.js';
import { createContext, defaultAddress, type GlobalOptions } from './session/context.js';
import type { Io } from './terminal/io.js';
import { outputFormats } from './terminal/structured.js';

/** Builds the command line for commander. `setExitCode` receives the exit code of the command. */
export function createProgram(io: Io, setExitCode: (code: number) => void): Command {
  const program = new Command('berth')
    .description('Runs containers on a Berth cell, and shows their state.')
    .addOption(
      new Option('--address <host:port>', `gateway to call (default: BERTH_API_GRPC, or ${defaultAddress})`),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table'))
    .addOption(
      new Option(
        '--caller-email <email>',
        "identity of the caller (default: BERTH_CALLER_EMAIL, git's user.email, or user@host)",
      ),
    )
    .addOption(
      new Option(
        '--no-color',
        'print without colours; the environment variable NO_COLOR has the same effect',
      ),
    )
    .version(versionLine(), '--version', 'print the versions of berth and of Node (also -v)')
    .showHelpAfterError('(berth --help lists the commands, and berth COMMAND --help the options)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      outputError: (message, write) => write(withAdvice(message)),
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
