import { userInfo } from 'node:os';
import type { ProxyKind, ProxySetup } from './proxy-process.js';

/** A stream that is silent for so long is reset: far sooner than at real load balancers. */
const idleTimeout = '2s';
/** After a reload the old processes have so long to end. */
const oldProcessLimit = '1s';

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** A second `user` is for a master that is root: its workers could not read the directory. */
function nginxConfiguration({ dir, port, gateways }: ProxySetup): string {
  const { uid, username } = userInfo();
  return `
${uid === 0 ? `user ${username};` : ''}
daemon off;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
worker_processes 1;
worker_shutdown_timeout ${oldProcessLimit};
events { worker_connections 256; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${dir}/${name};`).join('\n  ')}
  upstream gateways {
    ${gateways.map((address) => `server ${address} max_fails=1 fail_timeout=1s;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port} http2;
    location / {
      grpc_pass grpc://gateways;
      grpc_connect_timeout 1s;
      grpc_read_timeout ${idleTimeout};
      grpc_send_timeout ${idleTimeout};
      client_body_timeout ${idleTimeout};
    }
  }
}
`;
}

function haproxyConfiguration({ port, gateways }: ProxySetup): string {
  const servers = gateways.map(
    (at, index) => `server g${index} ${at} proto h2 check inter 200ms fall 1 rise 1`,
  );
  return `
global
  hard-stop-after ${oldProcessLimit}
defaults
  mode http
  timeout connect 1s
  timeout client ${idleTimeout}
  timeout server ${idleTimeout}
frontend callers
  bind 127.0.0.1:${port} proto h2
  default_backend gateways
backend gateways
  ${servers.join('\n  ')}
`;
}

/** The load balancers of the tests; `npm test` sets their programs. */
export const proxyKinds: readonly ProxyKind[] = [
  {
    name: 'nginx',
    program: process.env.BERTH_TEST_NGINX,
    reloadSignal: 'SIGHUP',
    configuration: nginxConfiguration,
    flags: ({ dir, configFile }) => ['-p', dir, '-e', `${dir}/error.log`, '-c', configFile],
  },
  {
    name: 'haproxy',
    program: process.env.BERTH_TEST_HAPROXY,
    reloadSignal: 'SIGUSR2',
    configuration: haproxyConfiguration,
    flags: ({ configFile }) => ['-W', '-db', '-f', configFile],
  },
];
