/*
 * Decides whose fault the end of a task is, and the consequences: its state and code, its effect on the
 * user's retries, and the use of another host. No other place decides this. `engine-failure.ts` finds the
 * fault in the text of a container engine.
 */
import type { ReasonCode } from './reason.js';

/** The party whose fault an end is. */
export type Fault =
  /** The job asks for something impossible, such as a command that its image does not have. */
  | 'job'
  /** The image cannot be had: it does not exist, needs other credentials, or suits no host of the cell. */
  | 'image'
  /**
   * A host cannot reach the registry in a way that points to a wrong name or to a wrong host. A second host
   * decides: see {@link confirmedFault}.
   */
  | 'registry'
  /** The registry of the image, or the way to it, fails for the moment. Other images may be had. */
  | 'transfer'
  /**
   * A port of the host that the job chose by number is not to be had there. It says nothing about other
   * jobs.
   */
  | 'port'
  /** The agent's host is broken or full, or shuts down. */
  | 'host'
  /** The container engine fails, shuts down, or lacks an ability. */
  | 'engine'
  /** The cell moved the task, had no capacity for it, or lost the agent. */
  | 'cell'
  /** Somebody asked for the end. */
  | 'caller';

interface FaultRule {
  readonly state: 'FINISHED' | 'FAILED';
  /** The reason code of an end without a more specific code. */
  readonly code: 'invalidRequest' | 'systemError' | 'killed';
  /** True if the end uses up one of the user's retries. */
  readonly usesRetries: boolean;
  /** True if the same task may succeed on another host. */
  readonly otherHostMayHelp: boolean;
  /**
   * True if the launch of any other job's container would most likely fail as well. All jobs then avoid the
   * agent for a time.
   */
  readonly countsAgainstAgent: boolean;
}

export const faultRules: Readonly<Record<Fault, FaultRule>> = {
  job: {
    state: 'FAILED',
    code: 'invalidRequest',
    usesRetries: true,
    otherHostMayHelp: false,
    countsAgainstAgent: false,
  },
  image: {
    state: 'FAILED',
    code: 'invalidRequest',
    usesRetries: true,
    otherHostMayHelp: false,
    countsAgainstAgent: false,
  },
  registry: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: false,
  },
  transfer: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: false,
  },
  port: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: false,
  },
  host: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: true,
  },
  engine: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: true,
  },
  cell: {
    state: 'FAILED',
    code: 'systemError',
    usesRetries: false,
    otherHostMayHelp: true,
    countsAgainstAgent: false,
  },
  caller: {
    state: 'FINISHED',
    code: 'killed',
    usesRetries: false,
    otherHostMayHelp: false,
    countsAgainstAgent: false,
  },
};

/** The fault behind each reason code. A task with the code `normal` ended by itself, without a fault. */
const faultOfCode: Readonly<Record<ReasonCode, Fault | undefined>> = {
  normal: undefined,
  killed: 'caller',
  scaledDown: 'caller',
  failed: 'job',
  oom: 'job',
  runtimeLimitExceeded: 'job',
  invalidRequest: 'job',
  systemError: 'host',
  agentLost: 'cell',
  stuckInState: 'cell',
  moved: 'cell',
  preempted: 'cell',
  refused: 'cell',
};

/** The cell ended these tasks on purpose. Such an end says nothing against the agent. */
const blamelessCodes: ReadonlySet<string> = new Set<ReasonCode>(['moved', 'preempted']);

/** True if an end for this reason is FINISHED; any other end is FAILED. */
export function isFinishedCode(code: string): boolean {
  return code === 'normal' || ruleOfCode(code)?.state === 'FINISHED';
}

/** True if the failure is the system's own. Such a failure does not use up a user's retries. */
export function isSystemCode(code: string): boolean {
  const rule = ruleOfCode(code);
  return rule?.state === 'FAILED' && !rule.usesRetries;
}

/** True if the system ended the task to move it, or to give its capacity to another task. */
export function isBlamelessCode(code: string): boolean {
  return blamelessCodes.has(code);
}

/** Undefined for `normal`, and for a code of another version of Berth. */
function ruleOfCode(code: string): FaultRule | undefined {
  const fault = Object.hasOwn(faultOfCode, code) ? faultOfCode[code as ReasonCode] : undefined;
  return fault === undefined ? undefined : faultRules[fault];
}

/** True if the text is the name of a fault. Reports carry faults as text. */
export function isFault(text: string): text is Fault {
  return Object.hasOwn(faultRules, text);
}

/** The findings about one slot that had the fault `registry` again and again. */
interface RegistryFindings {
  /** The number of different agents that found it, this one included. */
  readonly agents: number;
  /** The number of attempts that found it, this one included. */
  readonly attempts: number;
  /** True if a gateway could not find the registry either. */
  readonly gatewayAgrees: boolean;
}

/** A cell with one agent has no second opinion. It counts so many attempts instead. */
export const maxRegistryAttempts = 3;

/**
 * Returns the fault of an end in the light of earlier findings. A registry that a second agent or a gateway
 * cannot find either has a wrong name. Then the fault is the image's.
 */
export function confirmedFault(fault: Fault, findings: RegistryFindings): Fault {
  if (fault !== 'registry') return fault;
  const { agents, attempts, gatewayAgrees } = findings;
  const isConfirmed = gatewayAgrees || agents >= 2 || attempts >= maxRegistryAttempts;
  return isConfirmed ? 'image' : fault;
}
