import { BerthError } from '@berth/shared/model/errors/errors';
import { UsageError } from '../errors/usage-error.js';
import { toShortFormPath } from '../job-file/api-paths.js';

/** The flags of the fields of the short form. Fields that are not listed have no flag. */
const flags: Readonly<Record<string, string>> = {
  name: '--name',
  type: '--service',
  instances: '--instances',
  cpu: '--cpu',
  memory: '--memory',
  disk: '--disk',
  network: '--network',
  gpu: '--gpu',
  ports: '--port',
  env: '--env',
  labels: '--label',
  entrypoint: '--entrypoint',
  retries: '--retries',
  runtimeLimit: '--runtime-limit',
  cluster: '--cluster',
};

/** Returns a problem of the short form, such as `runtimeLimit: must be …`, in the words of the flags. */
export function inFlags(problem: string): string {
  const [, field = '', key = '', rest = ''] = /^(\w+)(\[".*?"\](?=:)|[^:\s]*): (.*)$/s.exec(problem) ?? [];
  const flag = Object.hasOwn(flags, field) ? flags[field] : undefined;
  if (flag === undefined) return problem;
  const name = field === 'env' || field === 'labels' ? ` ${keyOf(key)}` : '';
  return `${flag}${name}: ${rest}`;
}

/** Returns the gateway's refusal of a job with the names of its flags. Other errors stay as they are. */
export function refusedFlags(error: unknown): unknown {
  if (!(error instanceof BerthError) || error.violations.length === 0) return error;
  const problems = error.violations.map(({ field, description }) =>
    inFlags(`${toShortFormPath(field) || 'and'}: ${description}`),
  );
  return new UsageError('the gateway refuses the request:', [...new Set(problems)]);
}

/** Returns the name in `["A B"]` or `.A`. */
function keyOf(path: string): string {
  const quoted = /^\[(".*")\]$/s.exec(path)?.[1];
  return quoted === undefined ? path.replace(/^\./, '') : String(JSON.parse(quoted));
}
