import type { Container } from '../../gen/netflix/titus/titus_job_api.js';

/** The endpoint of a task that publishes its own metrics, as Prometheus text over HTTP. */
export interface MetricsEndpoint {
  /** The container's port; it need not be published. */
  readonly port: number;
  readonly path: string;
}

export const metricsParameters = { port: 'berth.metrics.port', path: 'berth.metrics.path' } as const;

const defaultPath = '/metrics';
const maxPathLength = 1_000;

type MetricsRequest = Pick<Container, 'parameters'>;

/**
 * Returns the endpoint that the container's parameters name; undefined if they name none or an impossible
 * one.
 */
export function metricsEndpoint({ parameters }: MetricsRequest): MetricsEndpoint | undefined {
  const port = portIn(parameters[metricsParameters.port] ?? '');
  const path = parameters[metricsParameters.path] ?? '';
  if (port === undefined || (path !== '' && !isPath(path))) return undefined;
  return { port, path: path === '' ? defaultPath : path };
}

/** Returns the faults in the parameters that name the endpoint. */
export function metricsProblems({
  parameters,
}: MetricsRequest): readonly { name: string; description: string }[] {
  const { port: portName, path: pathName } = metricsParameters;
  const { [portName]: port = '', [pathName]: path = '' } = parameters;
  const problems: { name: string; description: string }[] = [];
  if (port !== '' && portIn(port) === undefined)
    problems.push({ name: portName, description: `is ${quoted(port)}, but must be a port from 1 to 65535` });
  if (path !== '' && !isPath(path))
    problems.push({
      name: pathName,
      description: `is ${quoted(path)}, but must be a path that begins with / and has no spaces`,
    });
  if (path !== '' && port === '')
    problems.push({ name: pathName, description: `is of no use without ${portName}` });
  return problems;
}

function portIn(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Visible ASCII: the first line of a request holds the path as it is. */
function isPath(text: string): boolean {
  return text.length <= maxPathLength && /^\/[\x21-\x7e]*$/.test(text);
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
