import { describe, expect, it } from 'vitest';
import { chooseEngine, type EngineFindings } from './engine-choice.js';

const bareMachine: EngineFindings = {
  ownAnswers: false,
  dockerd: undefined,
  lacksParts: true,
  canBeRoot: true,
  hasApt: true,
  defaultSocketExists: false,
};

function advice(found: EngineFindings): string {
  const choice = chooseEngine(found);
  return choice.kind === 'impossible' ? choice.whatToDo : `(${choice.kind})`;
}

describe('chooseEngine', () => {
  it('uses the engine of ours that runs before it starts another', () => {
    expect(chooseEngine({ ...bareMachine, ownAnswers: true, dockerd: '/usr/sbin/dockerd' }).kind).toBe(
      'adopt',
    );
  });

  it('starts an installed dockerd before it installs one', () => {
    const found = { ...bareMachine, dockerd: '/usr/sbin/dockerd', lacksParts: false };
    expect(chooseEngine(found).kind).toBe('start');
  });

  it('installs Docker again where an installation was stopped half-way', () => {
    expect(chooseEngine({ ...bareMachine, dockerd: '/usr/sbin/dockerd' }).kind).toBe('install');
  });

  it('tries an incomplete dockerd where nothing can be installed', () => {
    const found = { ...bareMachine, dockerd: '/usr/sbin/dockerd', hasApt: false };
    expect(chooseEngine(found).kind).toBe('start');
  });

  it('installs Docker on a bare machine with apt and root', () => {
    expect(chooseEngine(bareMachine).kind).toBe('install');
  });

  it('says to install an engine where there is root but no apt', () => {
    expect(advice({ ...bareMachine, hasApt: false })).toMatch(/no apt .*DOCKER_HOST/);
  });

  it('says how to get at the engine of the machine where only the user may not', () => {
    expect(advice({ ...bareMachine, canBeRoot: false, defaultSocketExists: true })).toMatch(/group docker/);
  });

  it('says that an installed dockerd needs root to be started', () => {
    const found = { ...bareMachine, canBeRoot: false, dockerd: '/usr/sbin/dockerd' };
    expect(advice(found)).toMatch(/installed but does not run.*without root or sudo/);
  });

  it('says what to install where nothing is there and we may not be root', () => {
    expect(advice({ ...bareMachine, canBeRoot: false })).toMatch(/apt-get install docker\.io/);
  });
});
