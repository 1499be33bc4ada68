import { readFileSync } from 'node:fs';
import { agentConfigSchema } from '@berth/agent/config';
import { gatewayConfigSchema } from '@berth/api/config';
import { masterConfigSchema } from '@berth/master/config';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../docs/operations/configuration.md', import.meta.url), 'utf8');
const documented = new Set([...page.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \|/gm)].map(([, name]) => name));

const schemas = { gateway: gatewayConfigSchema, master: masterConfigSchema, agent: agentConfigSchema };
const known = new Set(Object.values(schemas).flatMap((schema) => Object.keys(schema.shape)));

describe('the page on configuration', () => {
  for (const [service, schema] of Object.entries(schemas)) {
    it(`has every variable of the ${service}`, () => {
      expect(Object.keys(schema.shape).filter((name) => !documented.has(name))).toEqual([]);
    });
  }

  it('has no variable that no service reads', () => {
    expect([...documented].filter((name) => name !== undefined && !known.has(name))).toEqual([]);
  });
});
