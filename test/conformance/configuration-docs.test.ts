import { readFileSync } from 'node:fs';
import { agentConfigSchema } from '@berth/agent/config';
import { gatewayConfigSchema } from '@berth/api/config';
import { masterConfigSchema } from '@berth/master/config';
import { leastSpanOf } from '@berth/shared/process/config-fields';
import { serviceSettings } from '@berth/shared/process/setting-names';
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

  it('tells of each time the least that it may be', () => {
    const fields = Object.values(schemas).flatMap((schema) => Object.entries(schema.shape));
    const untold = fields.filter(([name, field]) => {
      const [, row = ''] = new RegExp(`^\\| \`${name}\` \\|(.*)$`, 'm').exec(page) ?? [];
      const least = leastSpanOf(field);
      return least !== undefined && !row.includes(`at least ${least}`);
    });
    expect(untold.map(([name]) => name)).toEqual([]);
    expect(fields.filter(([, field]) => leastSpanOf(field) !== undefined).length).toBeGreaterThan(10);
  });

  it('tells of the settings that services do not warn of as strange', () => {
    const settings = [...known].filter((name) => name.startsWith('BERTH_'));
    expect(settings.sort()).toEqual([...serviceSettings].sort());
  });

  it('has no variable that no service reads', () => {
    expect([...documented].filter((name) => name !== undefined && !known.has(name))).toEqual([]);
  });
});
