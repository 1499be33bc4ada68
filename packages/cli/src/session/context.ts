import { readFileSync } from 'node:fs';
import type {
  AgentCalls,
  BerthClient,
  ConnectOptions,
  JobCalls,
  KindCalls,
  PlacementCalls,
  ScalingCalls,
  ScheduleCalls,
} from '@berth/client';
import { UsageError } from '../errors/usage-error.js';
import { type Colorize, colorizer } from '../terminal/colors.js';
import type { Io } from '../terminal/io.js';
import { documentPrinter, type OutputFormat } from '../terminal/structured.js';
import { callerEmail } from './caller.js';

export const defaultAddress = '127.0.0.1:7104';

/** The options of every command. */
export interface GlobalOptions {
  readonly address?: string;
  readonly output: OutputFormat;
  readonly callerEmail?: string;
  /** False for `--no-color`. */
  readonly color: boolean;
}

/** Everything that a command works with. */
export interface Context {
  readonly io: Io;
  readonly format: OutputFormat;
  readonly colorize: Colorize;
  /** Prints a value as a JSON line or a YAML document. */
  print(value: unknown): Promise<void>;
  /** Prints a single value, with indentation, as the whole output of the command. */
  printAll(value: unknown): Promise<void>;
  /** Provides the unary calls and closes them after `use`. They load faster than a whole client. */
  withCalls<T>(use: (calls: JobCalls) => Promise<T>): Promise<T>;
  /** Provides the same with the calls about placement. */
  withPlacement<T>(use: (calls: PlacementCalls) => Promise<T>): Promise<T>;
  /** Provides the same with the calls about placement and scaling. */
  withScaling<T>(use: (calls: ScalingCalls) => Promise<T>): Promise<T>;
  /** Provides the same with the calls about registered kinds. */
  withKinds<T>(use: (calls: KindCalls) => Promise<T>): Promise<T>;
  /** Provides the same with the calls about schedules. */
  withSchedules<T>(use: (calls: ScheduleCalls) => Promise<T>): Promise<T>;
  /** Provides the same with the calls about placement and agents. */
  withAgents<T>(use: (calls: AgentCalls) => Promise<T>): Promise<T>;
  withClient<T>(use: (client: BerthClient) => Promise<T>): Promise<T>;
}

export function createContext(io: Io, options: GlobalOptions): Context {
  return {
    io,
    format: options.output,
    colorize: colorizer(mayColor(io, options)),
    ...documentPrinter(options.output, (line) => io.out(line)),
    // The caller's address may come from git. That runs while the client loads.
    withCalls: async (use) => {
      const [connect, { JobCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/job-calls'),
      ]);
      return useAndClose(new JobCalls(connect), use);
    },
    withPlacement: async (use) => {
      const [connect, { PlacementCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/placement-calls'),
      ]);
      return useAndClose(new PlacementCalls(connect), use);
    },
    withScaling: async (use) => {
      const [connect, { ScalingCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/scaling-calls'),
      ]);
      return useAndClose(new ScalingCalls(connect), use);
    },
    withKinds: async (use) => {
      const [connect, { KindCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/kind-calls'),
      ]);
      return useAndClose(new KindCalls(connect), use);
    },
    withSchedules: async (use) => {
      const [connect, { ScheduleCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/schedule-calls'),
      ]);
      return useAndClose(new ScheduleCalls(connect), use);
    },
    withAgents: async (use) => {
      const [connect, { AgentCalls }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/calls/agent-calls'),
      ]);
      return useAndClose(new AgentCalls(connect), use);
    },
    withClient: async (use) => {
      const [connect, { BerthClient }] = await Promise.all([
        connectOptions(io, options),
        import('@berth/client/berth-client'),
      ]);
      return useAndClose(BerthClient.connect(connect), use);
    },
  };
}

async function useAndClose<C extends { close(): void }, T>(
  client: C,
  use: (client: C) => Promise<T>,
): Promise<T> {
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** https://no-color.org: any value of NO_COLOR except the empty one. */
function mayColor(io: Io, options: GlobalOptions): boolean {
  return options.color && io.isTerminal && !io.env.NO_COLOR;
}

/** Reads the TLS files that the environment names. Without them the connection is in plain text. */
function tlsOf(env: Io['env']): Pick<ConnectOptions, 'tls'> {
  const files = { ca: env.BERTH_API_CA, cert: env.BERTH_API_CERT, key: env.BERTH_API_KEY };
  const named = Object.entries(files).filter(([, path]) => path);
  if (named.length === 0) return {};
  const problems =
    !files.cert === !files.key
      ? []
      : ['BERTH_API_CERT and BERTH_API_KEY need each other: set both or neither.'];
  const tls = Object.fromEntries(named.map(([name, path]) => [name, readPem(path ?? '', problems)]));
  if (problems.length > 0) throw new UsageError('The TLS settings of the environment are wrong:', problems);
  return { tls };
}

/** Returns the content of the file. If it is unreadable, it adds the problem and returns an empty buffer. */
function readPem(path: string, problems: string[]): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return Buffer.alloc(0);
  }
}

async function connectOptions(io: Io, options: GlobalOptions): Promise<ConnectOptions> {
  const addresses = (options.address || io.env.BERTH_API_GRPC || defaultAddress).split(',');
  const email = await callerEmail(options.callerEmail, io.env);
  const { BERTH_API_TOKEN: token } = io.env;
  return {
    ...(token ? { token } : {}),
    ...tlsOf(io.env),
    addresses: addresses.map((address) => address.trim()),
    caller: { id: email, email },
  };
}
