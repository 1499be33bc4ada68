import { describe, expect, it } from 'vitest';
import { type LaunchCall, type LaunchFailureKind, launchFailure } from './engine-failure.js';
import type { Fault } from './failure.js';

type Row = readonly [LaunchCall, number, string, Fault, LaunchFailureKind];

const runc =
  'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ';

const rows: readonly Row[] = [
  // Images that cannot be had.
  ['pull', 500, 'Get "https://r/v2/a/manifests/1": no basic auth credentials', 'image', 'invalid'],
  [
    'pull',
    500,
    'Head "https://r/v2/a/manifests/1": unauthorized: authentication required',
    'image',
    'invalid',
  ],
  ['pull', 500, 'unauthorized: incorrect username or password', 'image', 'invalid'],
  ['pull', 500, 'denied: requested access to the resource is denied', 'image', 'invalid'],
  [
    'pull',
    500,
    'denied: Permission "artifactregistry.downloadArtifacts" denied on resource',
    'image',
    'invalid',
  ],
  [
    'pull',
    500,
    'failed to resolve reference "r/a:1": pulling from host r failed with status code [manifests 1]: 403 Forbidden',
    'image',
    'invalid',
  ],
  [
    'pull',
    500,
    'failed to resolve reference "docker.io/a/b:1": pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed',
    'image',
    'notFound',
  ],
  [
    'pull',
    500,
    'initializing source docker://r/a:1: reading manifest 1 in r/a: unauthorized: authentication required',
    'image',
    'invalid',
  ],
  [
    'pull',
    404,
    "pull access denied for app, repository does not exist or may require 'docker login'",
    'image',
    'notFound',
  ],
  ['pull', 404, 'manifest for app:9 not found: manifest unknown: manifest unknown', 'image', 'notFound'],
  ['pull', 500, 'manifest unknown', 'image', 'notFound'],
  ['pull', 500, 'failed to resolve reference "r/a:9": r/a:9: not found', 'image', 'notFound'],
  [
    'pull',
    500,
    'initializing source docker://r/a:9: reading manifest 9 in r/a: manifest unknown',
    'image',
    'notFound',
  ],
  ['pull', 500, 'no matching manifest for linux/amd64 in the manifest list entries', 'image', 'invalid'],
  [
    'pull',
    404,
    'no matching manifest for linux/arm64/v8 in the manifest list entries: no match for platform in manifest: not found',
    'image',
    'invalid',
  ],
  [
    'pull',
    500,
    'choosing image instance: no image found in image index for architecture amd64, variant "", OS linux',
    'image',
    'invalid',
  ],
  ['pull', 500, 'image operating system "windows" cannot be used on this platform', 'image', 'invalid'],
  ['pull', 400, 'invalid reference format: repository name must be lowercase', 'image', 'invalid'],
  ['pull', 500, 'invalid reference format', 'image', 'invalid'],
  [
    'pull',
    500,
    'short-name "app" did not resolve to an alias and no unqualified-search registries are defined',
    'image',
    'invalid',
  ],
  // A second opinion decides.
  [
    'pull',
    500,
    'Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid on 1.1.1.1:53: no such host',
    'registry',
    'failed',
  ],
  [
    'pull',
    500,
    'failed to do request: Head "https://denied.test/v2/a": dial tcp: lookup denied.test: no such host',
    'registry',
    'failed',
  ],
  [
    'pull',
    500,
    'Get "https://r:5000/v2/": http: server gave HTTP response to HTTPS client',
    'registry',
    'failed',
  ],
  ['pull', 500, 'Get "https://r/v2/": x509: certificate signed by unknown authority', 'registry', 'failed'],
  // Registries and networks that may recover.
  [
    'pull',
    500,
    'Get "https://unauthorized.test/v2/": net/http: request canceled while waiting for connection',
    'transfer',
    'failed',
  ],
  ['pull', 500, 'Get "https://r/v2/": dial tcp: lookup denied.test: i/o timeout', 'transfer', 'failed'],
  [
    'pull',
    500,
    'Get "http://127.0.0.1:5/v2/": dial tcp 127.0.0.1:5: connect: connection refused',
    'transfer',
    'failed',
  ],
  ['pull', 500, 'received unexpected HTTP status: 503 Service Unavailable', 'transfer', 'failed'],
  [
    'pull',
    500,
    'toomanyrequests: You have reached your pull rate limit. You may increase it by authenticating',
    'transfer',
    'failed',
  ],
  ['pull', 500, 'failed to register layer: layer does not exist', 'engine', 'failed'],
  ['pull', 500, 'mkdir /var/lib/docker/tmp: permission denied', 'engine', 'failed'],
  ['pull', 500, 'write /layer.tar: no space left on device', 'host', 'failed'],
  // Commands that cannot run.
  ['start', 400, `${runc}exec: "nope": executable file not found in $PATH: unknown`, 'job', 'invalid'],
  ['start', 400, `${runc}exec: "/nope": stat /nope: no such file or directory: unknown`, 'job', 'invalid'],
  [
    'start',
    500,
    'starting container process caused: exec: "/etc": permission denied: unknown',
    'job',
    'invalid',
  ],
  ['start', 400, 'OCI runtime create failed: exec /app: exec format error', 'job', 'invalid'],
  [
    'start',
    500,
    'crun: executable file `nope` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found',
    'job',
    'invalid',
  ],
  ['start', 400, 'unable to find user nobody2: no matching entries in passwd file', 'job', 'invalid'],
  [
    'start',
    400,
    `${runc}chdir to cwd ("/x") set in config.json failed: no such file or directory`,
    'job',
    'invalid',
  ],
  ['start', 500, `${runc}container init was OOM-killed (memory limit too low?): unknown`, 'job', 'invalid'],
  ['create', 400, 'Minimum memory limit allowed is 6MB', 'job', 'invalid'],
  ['create', 400, 'no command specified', 'job', 'invalid'],
  ['create', 404, 'No such image: app:1', 'image', 'notFound'],
  ['create', 404, 'app:1: image not known', 'image', 'notFound'],
  // Broken hosts.
  [
    'start',
    500,
    'OCI runtime create failed: error running hook #0: host helper: load library: /usr/lib/x.so: no such file or directory',
    'host',
    'failed',
  ],
  [
    'start',
    400,
    'error running hook #0: fork/exec /usr/bin/hook: no such file or directory: unknown',
    'host',
    'failed',
  ],
  [
    'start',
    500,
    `${runc}error running createRuntime hook #1: exit status 1, stderr: exec: "x": executable file not found`,
    'host',
    'failed',
  ],
  ['start', 500, 'crun: error executing hook `/usr/bin/hook` (exit code: 1)', 'host', 'failed'],
  [
    'start',
    500,
    'nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object file: no such file or directory',
    'host',
    'failed',
  ],
  ['create', 500, 'could not select device driver "nvidia" with capabilities: [[gpu]]', 'host', 'failed'],
  ['start', 500, 'container process: mounting cgroup: /sys/fs/cgroup/x: permission denied', 'host', 'failed'],
  [
    'start',
    500,
    `${runc}unable to apply cgroup configuration: mkdir /sys/fs/cgroup/x: no such file or directory`,
    'host',
    'failed',
  ],
  [
    'start',
    500,
    `${runc}error during container init: unable to apply apparmor profile: write /proc/self/attr/apparmor/exec: no such file or directory`,
    'host',
    'failed',
  ],
  ['start', 500, 'error setting rlimit type 7: operation not permitted', 'host', 'failed'],
  ['start', 500, 'no space left on device', 'host', 'failed'],
  [
    'start',
    500,
    'driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated',
    'host',
    'failed',
  ],
  ['start', 404, 'network blue not found', 'host', 'failed'],
  // Engines without an ability.
  [
    'create',
    500,
    'container-init binary not found on the host: exec: "catatonit": executable file not found in $PATH',
    'engine',
    'failed',
  ],
  ['start', 500, 'fork/exec /usr/bin/docker-init: no such file or directory', 'engine', 'failed'],
  [
    'create',
    400,
    'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    'engine',
    'failed',
  ],
  ['create', 400, 'unknown or invalid runtime name: kata', 'engine', 'failed'],
  [
    'create',
    500,
    "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    'engine',
    'failed',
  ],
  ['start', 500, 'fork/exec /usr/bin/runc: no such file or directory', 'engine', 'failed'],
  [
    'start',
    500,
    'failed to update store for object type *libnetwork.endpoint: open : no such file or directory',
    'engine',
    'failed',
  ],
  ['start', 500, 'context deadline exceeded', 'engine', 'failed'],
  ['start', 404, 'No such container: t', 'engine', 'notFound'],
  [
    'create',
    500,
    'creating container storage: the container name "t" is already in use by 86c0: that name is already in use',
    'engine',
    'conflict',
  ],
  ['create', 409, 'The container name "/t" is already in use', 'engine', 'conflict'],
];

describe('a launch that fails', () => {
  it.each(rows)('by %s with %i %s is the fault of the %s', (...row) => {
    const [call, status, text, fault, kind] = row;
    expect(launchFailure(call, status, text)).toMatchObject({ fault, kind });
  });
});
