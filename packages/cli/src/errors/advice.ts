/*
 * Words that people bring along from other systems. Each points to the way that Berth has, or says that there
 * is none. docs/coming-from.md has the same in a table.
 */

const logs =
  'Berth does not read the output of containers. `berth show TASK` names the host; there, `docker logs TASK` prints it.';
const shell =
  'Berth opens no shell in containers. `berth show TASK` names the host; there, `docker exec -it TASK sh` opens one.';
const agents = '`berth agents` lists the hosts, and `berth agents AGENT` shows one.';
const files =
  'Berth has no volumes, files or secrets for containers. Put files into the image, and small texts into env.';

/** Commands of Docker, Nomad, Kubernetes and their like. */
const commands: Readonly<Record<string, string>> = {
  logs,
  log: logs,
  exec: shell,
  attach: shell,
  ssh: shell,
  stop: '`berth kill JOB` ends a job.',
  rm: '`berth kill JOB` ends a job. Ended jobs disappear by themselves.',
  delete: '`berth kill JOB` ends a job. Ended jobs disappear by themselves.',
  remove: '`berth kill JOB` ends a job. Ended jobs disappear by themselves.',
  restart: 'Berth has no restart. `berth kill TASK` ends a task of a service, and a new one takes its place.',
  start: '`berth run` or `berth submit` starts a job.',
  create: '`berth submit` creates a job, and `berth cluster create` a job cluster.',
  status: '`berth ps` lists the jobs, and `berth show JOB` shows one.',
  ls: '`berth ps` lists the jobs.',
  list: '`berth ps` lists the jobs.',
  get: '`berth ps` lists the jobs, and `berth show JOB -o yaml` shows one.',
  inspect: '`berth show JOB` or `berth show TASK` shows everything, also with -o json.',
  describe: '`berth show JOB` or `berth show TASK` shows everything.',
  events: '`berth observe` prints every change.',
  watch: '`berth observe` prints every change.',
  wait: '`berth run` follows a job to its end; `berth observe JOB` follows one that runs already.',
  top: 'Berth shows no live usage. `berth agents` shows the capacity that is free, and the metrics show the rest.',
  stats:
    'Berth shows no live usage. `berth agents` shows the capacity that is free, and the metrics show the rest.',
  node: agents,
  nodes: agents,
  hosts: agents,
  server: agents,
  cordon: '`berth drain AGENT` lets an agent take no more tasks, and moves its service tasks.',
  uncordon: '`berth undrain AGENT` lets an agent take tasks again.',
  job: 'Jobs need no word before the command: `berth run`, `berth submit`, `berth ps`, `berth kill`.',
  service: 'Services are jobs: `berth run --service IMAGE`, `berth ps`, `berth scale JOB 3`.',
  task: '`berth ps JOB` lists the tasks of a job, and `berth show TASK` shows one.',
  tasks: '`berth ps JOB` lists the tasks of a job.',
  jobs: '`berth ps` lists the jobs.',
  apply: '`berth submit -f FILE` submits a job. A job that runs cannot be changed, except by `berth scale`.',
  deploy: '`berth submit -f FILE` submits a job. A job that runs cannot be changed, except by `berth scale`.',
  update:
    'A job that runs cannot be changed, except by `berth scale`. Submit a new one, and kill the old one.',
  rollout:
    'A job that runs cannot be changed, except by `berth scale`. Submit a new one, and kill the old one.',
  images: 'The engine of each host keeps the images: `docker images` there lists them.',
  pull: 'Agents pull images by themselves when a task needs them.',
  build: 'Berth builds no images. Build them with Docker or another tool, and push them to a registry.',
  cp: 'Berth copies no files. `berth show TASK` names the host; there, `docker cp` copies.',
  cron: '`berth cluster create NAME --template FILE --cron "0 6 * * *"` makes a schedule.',
  volume: files,
  secret: files,
  config: files,
  namespace: 'Berth has no namespaces. Labels and job clusters group jobs: `berth ps -l team=web`.',
  login:
    'Registries are logged in to on the hosts; docs/images.md describes it. BERTH_API_TOKEN identifies you.',
};

/** Options of the same systems. */
const options: Readonly<Record<string, string>> = {
  '-it': shell,
  '-i': shell,
  '-t': shell,
  '--interactive': shell,
  '--tty': shell,
  '--rm': 'Containers and ended jobs are always removed by themselves; leave the option out.',
  '--restart': 'Use --service to keep the tasks running, or --retries for a batch job.',
  '-m': 'Use --memory.',
  '-c': 'Use --cpu for cores. The command of the container goes after --.',
  '--cpus': 'Use --cpu.',
  '--gpus': 'Use --gpu.',
  '-v': files,
  '--volume': files,
  '--mount': files,
  '--secret': files,
  '--config': files,
  '--tmpfs': files,
  '-q': 'Use -o json and a tool such as jq: `berth ps -o json | jq -r ".[].id"`.',
  '--quiet': 'Use -o json and a tool such as jq: `berth ps -o json | jq -r ".[].id"`.',
  '--format': 'Use -o json or -o yaml.',
  '--json': 'Use -o json.',
  '--publish': 'Use -p with the port of the container; `berth ps JOB` shows the port of the host.',
  '-P': 'Use -p with the port of the container; `berth ps JOB` shows the port of the host.',
  '--replicas': 'Use -n.',
  '--count': 'Use -n.',
  '--hostname': 'Containers have the names of their tasks; they cannot be chosen.',
  '--network-mode': 'Networks are chosen in a job file, by parameters; see docs/job-files.md.',
  '--privileged': 'Privileges are given in a job file, by securityProfile; see docs/job-files.md.',
  '--user': 'Users are given in a job file, by securityProfile; see docs/job-files.md.',
  '-u': 'Users are given in a job file, by securityProfile; see docs/job-files.md.',
  '-w': 'Berth sets no working directory. Use a shell: `-- sh -c "cd /dir && …"`.',
  '--workdir': 'Berth sets no working directory. Use a shell: `-- sh -c "cd /dir && …"`.',
  '--health-cmd': 'Berth has no health checks. A task that ends is replaced.',
  '--timeout': 'Use --runtime-limit.',
  '--follow': '`berth run` follows a job by itself; `berth observe JOB` follows one that runs already.',
};

const health = 'there is no such field: Berth has no health checks; a task that ends is replaced';
const noFiles =
  'there is no such field: Berth has no volumes, files or secrets; put files into the image, and small texts into env';

/** Fields of job files of the same systems. */
const fields: Readonly<Record<string, string>> = {
  volumes: noFiles,
  volume: noFiles,
  volumeMounts: noFiles,
  mounts: noFiles,
  secrets: noFiles,
  files: noFiles,
  configs: noFiles,
  config: noFiles,
  tmpfs: noFiles,
  artifacts: noFiles,
  template: noFiles,
  health,
  healthcheck: health,
  healthChecks: health,
  livenessProbe: health,
  readinessProbe: health,
  check: health,
  environment: 'there is no such field; use env',
  env_file: 'there is no such field; use env, or the option --env-file of berth run',
  replicas: 'there is no such field; use instances',
  count: 'there is no such field; use instances',
  args: 'there is no such field; use command',
  cmd: 'there is no such field; use command',
  cpus: 'there is no such field; use cpu',
  mem: 'there is no such field; use memory',
  restart: 'there is no such field; use type: service, or retries for a batch job',
  restartPolicy: 'there is no such field; use type: service, or retries for a batch job',
  schedule: 'there is no such field; a job cluster has the schedule: berth cluster create NAME --cron',
  cron: 'there is no such field; a job cluster has the schedule: berth cluster create NAME --cron',
  periodic: 'there is no such field; a job cluster has the schedule: berth cluster create NAME --cron',
  depends_on: 'there is no such field: jobs do not wait for one another; stages of one job do',
  timeout: 'there is no such field; use runtimeLimit',
  workingDir:
    'there is no such field: Berth sets no working directory; use a shell: [sh, -c, "cd /dir && …"]',
  working_dir:
    'there is no such field: Berth sets no working directory; use a shell: [sh, -c, "cd /dir && …"]',
  user: 'there is no such field; use securityProfile',
  privileged: 'there is no such field; use securityProfile',
  networks: 'there is no such field; parameters choose the network',
  network_mode: 'there is no such field; parameters choose the network',
  nodeSelector: 'there is no such field; use constraints',
  affinity: 'there is no such field; use constraints',
};

/** Returns the advice for a field that another system has; undefined for other fields. */
export function fieldAdvice(field: string): string | undefined {
  return Object.hasOwn(fields, field) ? fields[field] : undefined;
}

/** Replaces the guess of commander about an unknown word by the advice, if there is one. */
export function withAdvice(message: string): string {
  const [, kind, word = ''] = /^error: unknown (command|option) '([^']*)'/.exec(message) ?? [];
  const table = kind === 'command' ? commands : options;
  const name = kind === 'option' ? word.replace(/=.*$/, '') : word;
  if (kind === undefined || !Object.hasOwn(table, name)) return message;
  return `error: unknown ${kind} '${word}'\n${table[name]}\n`;
}
