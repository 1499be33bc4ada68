/*
 * Every name beginning with BERTH_ that some part of the product reads. A name that no part reads is most
 * likely a slip, and its author believes that it counts. A name that only another part reads is no slip,
 * since parts share environments.
 */
import { editDistance } from '../model/errors/did-you-mean.js';

const prefix = 'BERTH_';

/**
 * The settings of services, as docs/operations/configuration.md describes them. A test holds the list
 * against their schemas.
 */
export const serviceSettings: readonly string[] = [
  ...named('', ['CELL', 'INSECURE', 'LOG_LEVEL', 'REDIS_URL', 'REDIS_WAIT_REPLICAS', 'STORE_TUNING']),
  ...named('TLS_', ['CERT', 'CLIENT_CA', 'KEY']),
  ...named('API_', [
    'GRPC',
    'HTTP',
    'JOBV1',
    'MAX_CONNECTION_AGE',
    'MAX_CONNECTION_AGE_GRACE',
    'TITUS_IDLE',
    'TOKENS',
    'TUNING',
  ]),
  ...named('API_', ['WRITE_BURST', 'WRITE_RATE']),
  ...named('IMAGE_', ['AUTH_FILE', 'INSECURE_REGISTRIES', 'RESOLUTION', 'RESOLUTION_TIMEOUT']),
  ...named('MASTER_', [
    'API_URL',
    'ARCHIVE_TTL',
    'CAPACITY_GROUPS',
    'FINISHED_RETENTION',
    'FIT_POLICY',
    'HTTP',
  ]),
  ...named('MASTER_', ['KEPT_RUNS_ENDED_WELL', 'KEPT_RUNS_FAILED']),
  ...named('MASTER_', ['KILL_GRACE', 'LEASE', 'MAX_BACKOFF', 'MAX_FINISHED_JOBS', 'MAX_NOT_RUNNING_PER_JOB']),
  ...named('MASTER_', [
    'MAX_KILL_GRACE',
    'MAX_REPLACED_TASKS_PER_JOB',
    'MIN_BACKOFF',
    'PREEMPTION',
    'SCALING_INTERVAL',
  ]),
  ...named('MASTER_', ['STABLE_RUN', 'STAGE_WAIT', 'STOP_CONFIRM', 'STUCK_DISPATCHED', 'STUCK_STARTING']),
  ...named('AGENT_', [
    'ADOPT_CELL',
    'ALLOW_CAPABILITIES',
    'ALLOW_HOST_NETWORK',
    'ALLOW_PRIVILEGED',
    'ALLOW_UNCONFINED',
  ]),
  ...named('AGENT_', [
    'ATTRIBUTES',
    'CPU',
    'DISK_MB',
    'ENIS',
    'GPUS',
    'GPU_DRIVER',
    'GRPC',
    'HEARTBEAT',
    'HTTP',
    'IMAGE_AUTH_FILE',
  ]),
  ...named('AGENT_', [
    'ID',
    'LAUNCH_LIMIT',
    'LOG_FILES',
    'LOG_FILE_MB',
    'MAX_KILL_GRACE',
    'MEMORY_MB',
    'NETWORK',
    'NETWORK_MBPS',
    'PIDS_LIMIT',
    'PORTS',
    'PORT_BIND',
    'PULL_STALL',
    'RESYNC',
    'RUNTIME',
  ]),
  ...named('AGENT_', ['RUNTIME_SILENCE', 'SAMPLE_INTERVAL', 'SIMULATED_AGENTS', 'TIMEOUT']),
];

/** The settings of clients, docker-compose.yml, the tests and the benchmarks. */
const otherSettings: readonly string[] = [
  ...named('', ['API_CA', 'API_CERT', 'API_KEY', 'API_TOKEN', 'CALLER_EMAIL', 'DEBUG']),
  ...named('', ['BASE_IMAGE', 'DOCKER_SOCKET', 'IMAGE', 'REDIS_IMAGE']),
  ...named('', ['PROPERTY_RUNS', 'SEEDS_DIR', 'TRACES']),
];

/** The variables of containers: a service may run in one. */
const containerVariables: readonly string[] = [
  ...named('', ['IAM_ROLE', 'JOB_ID', 'NEXT_STAGE', 'PREVIOUS_STAGE', 'RESULTS', 'SECURITY_GROUPS', 'STAGE']),
  ...named('', ['STAGES_ENDPOINT', 'STAGE_COUNT', 'TASK_GPUS', 'TASK_ID', 'TASK_INDEX']),
  ...named('', ['WORKER_INDEX', 'WORKER_NUMBER']),
];

const settings = [...serviceSettings, ...otherSettings];
const known = new Set([...settings, ...containerVariables]);

/** Simulated containers, tests, benchmarks, and the ports of docker-compose.yml. */
const families = /^BERTH_(SIM|TEST|BENCH|GATEWAY_\d+)_/;

/**
 * Kubernetes gives containers the addresses of its services under such names: BERTH_API_SERVICE_HOST,
 * BERTH_API_PORT_7104_TCP.
 */
const fromKubernetes = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_\w+)?$/;
const kubernetesAddress = /^(tcp|udp|sctp):\/\//;

/** A sentence for every variable that nobody reads, with the name that is nearest to it. */
export function strangeSettings(env: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith(prefix) && isStrange(name, value ?? ''))
    .map(([name]) => `${name} is no setting of Berth: nothing reads it. The nearest is ${nearestTo(name)}.`)
    .sort();
}

function isStrange(name: string, value: string): boolean {
  if (known.has(name) || families.test(name)) return false;
  return !fromKubernetes.test(name) && !(name.endsWith('_PORT') && kubernetesAddress.test(value));
}

function nearestTo(name: string): string {
  const ranked = settings.map((candidate) => ({ candidate, edits: editDistance(name, candidate) }));
  return ranked.reduce((best, one) => (one.edits < best.edits ? one : best)).candidate;
}

function named(part: string, names: readonly string[]): readonly string[] {
  return names.map((name) => `${prefix}${part}${name}`);
}
