import { type PlanRequest, PlanResponse } from '@berth/shared/gen/berth/v1/placement_service';
import type { Command } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { UsageError } from '../../errors/usage-error.js';
import { planLines } from '../../format/placement/placement.js';
import { inWordsOf, readFileOf } from '../../job-input/job-input.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { resolveAgent } from '../../session/resolve-agent.js';

/** The exit code if some of the tasks would wait. */
const someWait = 2;

export function addPlan(program: Command, act: Act): void {
  const command = program
    .command('plan')
    .description('predict the effect of a change without making it; exits with 2 if tasks would wait')
    .argument('<what>', 'a job file, or: drain AGENT, or: lose ATTRIBUTE=VALUE, as in lose zone=b')
    .argument('[target]', 'the agent to drain, or the attribute of the agents to lose');
  command.action((what: string, target: string | undefined) =>
    act(command, (context) => plan(context, what, target)),
  );
}

async function plan(context: Context, what: string, target: string | undefined): Promise<number> {
  const { request, ...file } = await requestFor(context, what, target);
  const answer = await inWordsOf(
    file,
    context.withPlacement((calls) => calls.plan(request)),
  );
  if (context.format !== 'table') await context.printAll(PlanResponse.toJSON(answer));
  else for (const line of planLines(answer, context.colorize)) context.io.out(line);
  return answer.waiting > 0 ? someWait : exitCodes.ok;
}

/** The change to plan, and the job file in a short form that describes it. */
interface Planned {
  readonly request: NonNullable<PlanRequest['what']>;
  readonly shortFile?: string;
}

async function requestFor(context: Context, what: string, target: string | undefined): Promise<Planned> {
  switch (what) {
    case 'drain':
      if (target === undefined) throw new UsageError('The agent is missing, as in: berth plan drain agent-7');
      return {
        request: {
          $case: 'drainAgentId',
          value: await context.withAgents((calls) => resolveAgent(calls, target)),
        },
      };
    case 'lose': {
      const [, name, value] = /^([^=]+)=(.+)$/.exec(target ?? '') ?? [];
      if (name === undefined || value === undefined)
        throw new UsageError('The agents are missing, as in: berth plan lose zone=b');
      return { request: { $case: 'lose', value: { name, value } } };
    }
    default: {
      if (target !== undefined) throw new UsageError('A plan is for one job file.');
      const { descriptor, ...file } = await readFileOf(context.io, what);
      return { request: { $case: 'job', value: descriptor }, ...file };
    }
  }
}
