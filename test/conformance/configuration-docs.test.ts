import { readdirSync, readFileSync } from 'node:fs';
import { agentConfigSchema } from '@berth/agent/config';
import { gatewayConfigSchema } from '@berth/api/config';
import { masterConfigSchema } from '@berth/master/config';
import { ConfigError, parseConfig } from '@berth/shared/process/config';
import { leastSpanOf } from '@berth/shared/process/config-fields';
import { serviceSettings, strangeSettings } from '@berth/shared/process/setting-names';
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

  it('states the least value of each duration', () => {
    const fields = Object.values(schemas).flatMap((schema) => Object.entries(schema.shape));
    const untold = fields.filter(([name, field]) => {
      const [, row = ''] = new RegExp(`^\\| \`${name}\` \\|(.*)$`, 'm').exec(page) ?? [];
      const least = leastSpanOf(field);
      return least !== undefined && !row.includes(`at least ${least}`);
    });
    expect(untold.map(([name]) => name)).toEqual([]);
    expect(fields.filter(([, field]) => leastSpanOf(field) !== undefined).length).toBeGreaterThan(10);
  });

  it('contains the settings that services accept without a warning', () => {
    const settings = [...known].filter((name) => name.startsWith('BERTH_'));
    expect(settings.sort()).toEqual([...serviceSettings].sort());
  });

  it('and all other pages name only settings that services accept without a warning', () => {
    const root = new URL('../../', import.meta.url);
    const pages = readdirSync(new URL('docs', root), { recursive: true, encoding: 'utf8' });
    const texts = ['README.md', 'docker-compose.yml', ...pages.map((name) => `docs/${name}`)]
      .filter((name) => /\.(md|yml)$/.test(name))
      .map((name) => readFileSync(new URL(name, root), 'utf8'));
    const names = texts.flatMap((text) =>
      [...text.matchAll(/BERTH_[A-Z0-9_]*[A-Z0-9]\b(?!…|_)/g)].map(([name]) => name),
    );
    expect(names.length).toBeGreaterThan(100);
    expect(strangeSettings(Object.fromEntries(names.map((name) => [name, '1'])))).toEqual([]);
  });

  it('has no variable that no service reads', () => {
    expect([...documented].filter((name) => name !== undefined && !known.has(name))).toEqual([]);
  });
});

/** Values that few or no settings allow. Together they break every rule. */
const nonsense = [' ', '\u0001 x', '-1', '0', '1.5', '9'.repeat(30), 'a=1,a=2', '[', '::', '/'];

describe('the message for a wrong setting', () => {
  for (const [service, schema] of Object.entries(schemas)) {
    it(`is in Berth's own words, for the ${service}`, () => {
      const lines = nonsense.flatMap((value) => {
        const env = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, value]));
        try {
          parseConfig(schema, env);
          return [];
        } catch (error) {
          return error instanceof ConfigError ? error.message.split('\n').slice(1) : [`  ${String(error)}`];
        }
      });
      expect(lines.length).toBeGreaterThan(nonsense.length);
      expect(lines.filter((line) => /Invalid|Too |expected|received|NaN|ENO/.test(line))).toEqual([]);
      expect(lines.filter((line) => !/^ {2}[A-Z_0-9]+: \S/.test(line))).toEqual([]);
    });
  }
});
