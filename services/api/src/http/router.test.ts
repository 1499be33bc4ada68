import { describe, expect, it } from 'vitest';
import { matchRoute } from './router.js';

describe('the router', () => {
  it('finds a route by verb and path, with its parameters decoded', () => {
    expect(matchRoute('GET', '/api/v1/jobs/a%20b')).toMatchObject({
      route: { rpc: 'findJob' },
      params: { id: 'a b' },
    });
    expect(matchRoute('PUT', '/api/v1/jobs/x/instances')).toMatchObject({ params: { jobId: 'x' } });
  });

  it('distinguishes a verb after a colon from an encoded colon in an id', () => {
    expect(matchRoute('GET', '/api/v1/clusters/a:observe')).toMatchObject({
      route: { rpc: 'observeJobCluster' },
      params: { id: 'a' },
    });
    expect(matchRoute('GET', '/api/v1/clusters/a%3Aobserve')).toMatchObject({
      route: { rpc: 'findJobCluster' },
      params: { id: 'a:observe' },
    });
  });

  it('knows the verbs of a path', () => {
    expect(matchRoute('PATCH', '/api/v1/jobs/x')).toEqual({ allowed: ['GET', 'HEAD', 'DELETE'] });
    expect(matchRoute('HEAD', '/api/v1/jobs:observe')).toEqual({ allowed: ['GET'] });
  });

  it('finds nothing at other paths', () => {
    for (const path of ['/api/v1/jobs/', '/api/v1/jobs/a/b/c', '/api/v1', '/api/v2/jobs'])
      expect(matchRoute('GET', path)).toBeUndefined();
  });

  it('distinguishes wrong percent-encoding from an unknown path', () => {
    for (const part of ['%', '%zz', '%ff'])
      expect(matchRoute('GET', `/api/v1/jobs/${part}`)).toEqual({ undecodable: part });
  });
});
