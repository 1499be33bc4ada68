# One image for the master, the gateway and the agent; the command chooses one. See docs/operations/compose.md.
ARG BASE_IMAGE=node:20-bookworm-slim

FROM ${BASE_IMAGE} AS build
LABEL berth.image.stage=build
WORKDIR /src
COPY . .
# `npm run image` leaves an archive of the finished files. With that archive the next step needs no network. If it is
# missing or was made from other sources, the next step installs and compiles. ADD needs one existing file: package.json
# allows the archive to be missing.
ADD package.json .berth/image.tar* /opt/berth/
RUN ["node", "scripts/image.mjs", "/opt/berth"]

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title=berth
COPY --from=build /opt/berth /opt/berth
WORKDIR /opt/berth
ENV NODE_ENV=production PATH=/opt/berth/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 1000:1000
# Only the service that runs here has its HTTP address set: other containers could not reach it at the default address.
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["node", "-e", "const e = process.env; const at = e.BERTH_API_HTTP ?? e.BERTH_MASTER_HTTP ?? e.BERTH_AGENT_HTTP ?? ''; const ask = { host: '127.0.0.1', port: at.split(':').pop(), path: '/healthz', agent: false }; http.get(ask, (answer) => { process.exitCode = answer.statusCode === 200 ? 0 : 1; answer.pipe(process.stdout); }).on('error', (error) => { console.log(error.message); process.exitCode = 1; })"]
# Without a command: prints the possible commands.
CMD ["node", "-e", "console.error('Give one of these as the command:\\n  node services/master/dist/main.js\\n  node services/api/dist/main.js\\n  node services/agent/dist/main.js\\n  berth --help'); process.exit(2)"]
