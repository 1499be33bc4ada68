import {
  type Script,
  type ScriptedGateway,
  startScriptedGateway,
} from '@berth/client/testing/scripted-gateway';
import { JobCluster } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { notFound } from '@berth/shared/model/errors/errors';
import { afterEach, describe, expect, it } from 'vitest';
import { aJob } from '../../testing/fixtures.js';
import { type CliOptions, cli } from '../../testing/harness.js';

const open: ScriptedGateway[] = [];
afterEach(() => {
  for (const gateway of open.splice(0)) gateway.close();
});

const nightlyId = '019c0000-0000-7000-8000-0000000000aa';
const webId = '019d0000-0000-7000-8000-0000000000bb';
const nightly = JobCluster.fromPartial({
  id: nightlyId,
  descriptor: {
    name: 'nightly',
    owner: { ownerEmail: 'ann@example.com', teamEmail: 'ann@example.com' },
    jobDescriptor: {
      appName: 'report',
      labels: { tier: 'gold' },
      containers: { main: { image: { name: 'report:1' } } },
    },
    clusterSpec: { $case: 'batch', value: {} },
  },
});
const web = JobCluster.fromPartial({
  id: webId,
  descriptor: { name: 'web', clusterSpec: { $case: 'service', value: {} } },
});

/** A gateway with two clusters; the second is disabled. */
const script: Script = {
  findJobClusters: ({ fiterlingCriteria: { enabled, jobClusterIds } }) => ({
    items: [nightly, web].filter(
      ({ id }) =>
        (enabled === undefined || (enabled === 'true') === (id === nightlyId)) &&
        (jobClusterIds === undefined || jobClusterIds === id),
    ),
    pagination: undefined,
  }),
  findJobCluster: ({ id }) => {
    const found = [nightly, web].find((cluster) => cluster.id === id);
    if (found === undefined) throw notFound('job cluster', id);
    return found;
  },
  findJobs: ({ fiterlingCriteria }) => ({
    items: fiterlingCriteria.jobState === 'RUNNING' ? [{ ...aJob(), jobClusterId: nightlyId }] : [],
    pagination: undefined,
  }),
  createJobCluster: () => ({ id: nightlyId }),
  updateJobCluster: () => ({}),
  updateJobClusterStatus: () => ({}),
  removeJobCluster: () => ({}),
  createJob: () => ({ id: 'job' }),
};

async function berth(args: readonly string[], options: CliOptions = {}, answers: Script = script) {
  const gateway = await startScriptedGateway(answers);
  open.push(gateway);
  const result = await cli([...args, '--address', gateway.address], options);
  const asked = (method: string) => gateway.received.find((call) => call.method === method)?.request;
  return { ...result, asked };
}

describe('berth cluster', () => {
  it('ls lists name, kind, status and live jobs', async () => {
    const { out } = await berth(['cluster', 'ls']);
    expect(out[0]).toMatch(/^CLUSTER +NAME +TYPE +STATUS +JOBS +OWNER$/);
    expect(out[1]).toMatch(new RegExp(`^${nightlyId} +nightly +batch +enabled +1 +ann@example.com$`));
    expect(out[2]).toMatch(new RegExp(`^${webId} +web +service +disabled +0 +-$`));
    const json = JSON.parse((await berth(['cluster', 'ls', '-o', 'json'])).out.join('\n'));
    expect(json[1]).toMatchObject({ id: webId, enabled: false, liveJobs: 0 });
  });

  it('show prints the template; the cluster is given by name or by a prefix of its id', async () => {
    for (const given of ['nightly', '019c', nightlyId]) {
      const { out, exitCode } = await berth(['cluster', 'show', given]);
      expect(exitCode).toBe(0);
      expect(out.join('\n')).toMatch(/Status +enabled[\s\S]*Template[\s\S]*tier=gold[\s\S]*report:1/);
    }
    const { exitCode, err } = await berth(['cluster', 'show', 'moon']);
    expect(exitCode).not.toBe(0);
    expect(err.join()).toContain('There is no job cluster with the id or name "moon"');
  });

  it('show prints the minimum and maximum of live jobs of a mantis cluster', async () => {
    const value = { min: 2, max: 4 };
    const descriptor = { name: 'pipes', clusterSpec: { $case: 'mantis' as const, value } };
    const pipes = JobCluster.fromPartial({ id: nightlyId, descriptor });
    const findJobClusters = () => ({ items: [pipes], pagination: undefined });
    const gateway = await startScriptedGateway({ ...script, findJobClusters, findJobCluster: () => pipes });
    open.push(gateway);
    const { out } = await cli(['cluster', 'show', 'pipes', '--address', gateway.address], {});
    expect(out.join('\n')).toMatch(/Min jobs +2\nMax jobs +4/);
  });

  it('create warns of a cluster with the same name', async () => {
    const twin = JobCluster.fromPartial({ ...web, id: nightlyId });
    const twins = { ...script, findJobClusters: () => ({ items: [web, twin], pagination: undefined }) };
    const { out, err } = await berth(['cluster', 'create', 'web'], {}, twins);
    expect(out).toEqual([nightlyId]);
    expect(err[0]).toMatch(/^berth: 2 clusters have the name "web" now\./);
  });

  it('create sends the template of a job file', async () => {
    const input = 'appName: report\ncontainers: { main: { env: { A: "1" } } }\n';
    const args = ['cluster', 'create', 'nightly', '--type', 'batch', '--template', '-'];
    const { out, asked } = await berth(args, { input });
    expect(out).toEqual([nightlyId]);
    expect(asked('createJobCluster')).toMatchObject({
      name: 'nightly',
      clusterSpec: { $case: 'batch' },
      jobDescriptor: { appName: 'report', containers: { main: { env: { A: '1' } } } },
    });
  });

  it('update changes the given fields and keeps the rest', async () => {
    const renamed = (await berth(['cluster', 'update', 'nightly', '--name', 'daily'])).asked(
      'updateJobCluster',
    );
    expect(renamed).toMatchObject({
      id: nightlyId,
      descriptor: { name: 'daily', jobDescriptor: { appName: 'report' } },
    });
    const bare = (await berth(['cluster', 'update', 'nightly', '--no-template'])).asked('updateJobCluster');
    expect(bare).toMatchObject({ descriptor: { name: 'nightly', jobDescriptor: undefined } });
    expect((await berth(['cluster', 'update', 'nightly'])).exitCode).toBe(2);
  });

  it('create and update write a schedule into the template, and remove it', async () => {
    const input = 'appName: report\nlabels: { tier: gold }\n';
    const cron = ['--cron', '0 6 * * *', '--cron-zone', 'Asia/Tokyo', '--cron-policy', 'forbid'];
    const created = await berth(['cluster', 'create', 'nightly', '--template', '-', ...cron], { input });
    const labels = {
      tier: 'gold',
      'berth.cronSpec': '0 6 * * *',
      'berth.cronTimeZone': 'Asia/Tokyo',
      'berth.cronPolicy': 'forbid',
    };
    expect(created.asked('createJobCluster')).toMatchObject({ jobDescriptor: { labels } });
    const updated = (await berth(['cluster', 'update', 'nightly', '--cron', '@daily'])).asked(
      'updateJobCluster',
    );
    expect(updated).toMatchObject({
      descriptor: { jobDescriptor: { labels: { tier: 'gold', 'berth.cronSpec': '@daily' } } },
    });
    const without = await berth(['cluster', 'update', 'nightly', '--template', '-', '--no-cron'], {
      input: 'appName: report\nlabels: { tier: gold, berth.cronSpec: "@daily", berth.cronPolicy: allow }\n',
    });
    expect(without.asked('updateJobCluster')).toMatchObject({
      descriptor: { jobDescriptor: { labels: { tier: 'gold' } } },
    });
    expect(JSON.stringify(without.asked('updateJobCluster'))).not.toContain('berth.cron');
    const bare = await berth(['cluster', 'create', 'nightly', '--cron', '@daily']);
    expect([bare.exitCode, bare.err.join('\n')]).toEqual([2, expect.stringContaining('--template')]);
  });

  it('create takes the limits of live jobs for a mantis cluster only', async () => {
    const args = ['cluster', 'create', 'pipeline', '--min', '2', '--max', '4'];
    const { asked } = await berth([...args, '--type', 'mantis']);
    expect(asked('createJobCluster')).toMatchObject({
      clusterSpec: { $case: 'mantis', value: { min: 2, max: 4 } },
    });
    expect((await berth(args)).exitCode).toBe(2);
  });

  it('rm, enable and disable act on the given cluster', async () => {
    expect((await berth(['cluster', 'rm', 'web'])).asked('removeJobCluster')).toEqual({ id: webId });
    expect((await berth(['cluster', 'enable', 'web'])).asked('updateJobClusterStatus')).toEqual({
      id: webId,
      enableStatus: true,
    });
    const { out, asked } = await berth(['cluster', 'disable', '019c']);
    expect(asked('updateJobClusterStatus')).toEqual({ id: nightlyId, enableStatus: false });
    expect(out).toEqual([`${nightlyId}  disabled`]);
  });
});

describe('berth submit --cluster', () => {
  it('names the cluster, and needs nothing else if the template is complete', async () => {
    const alone = (await berth(['submit', '--cluster', nightlyId])).asked('createJob');
    expect(alone).toMatchObject({ labels: { 'berth.jobClusterId': nightlyId }, containers: {} });
    const own = (await berth(['submit', '--cluster', nightlyId, '-l', 'a=b', 'busybox:1'])).asked(
      'createJob',
    );
    expect(own).toMatchObject({ labels: { 'berth.jobClusterId': nightlyId, a: 'b' } });
  });

  it('resolves names and prefixes of ids like the cluster commands', async () => {
    for (const given of ['nightly', '019c']) {
      const { asked } = await berth(['submit', '--cluster', given]);
      expect(asked('createJob')).toMatchObject({ labels: { 'berth.jobClusterId': nightlyId } });
    }
  });

  it('reports an unknown cluster in one sentence', async () => {
    for (const command of ['submit', 'run']) {
      const { err, asked } = await berth([command, '--cluster', 'moon']);
      expect(err).toEqual(['berth: There is no job cluster with the id or name "moon".']);
      expect(asked('createJob')).toBeUndefined();
    }
  });
});
