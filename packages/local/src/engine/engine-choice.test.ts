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
  it('uses our running engine before it starts another', () => {
    expect(chooseEngine({ ...bareMachine, ownAnswers: true, dockerd: '/usr/sbin/dockerd' }).kind).toBe(
      'adopt',
    );
  });

  it('starts an installed dockerd before it installs one', () => {
    const found = { ...bareMachine, dockerd: '/usr/sbin/dockerd', lacksParts: false };
    expect(chooseEngine(found).kind).toBe('start');
  });

  it('installs Docker again after an interrupted installation', () => {
    expect(chooseEngine({ ...bareMachine, dockerd: '/usr/sbin/dockerd' }).kind).toBe('install');
  });

  it('tries an incomplete dockerd if nothing can be installed', () => {
    const found = { ...bareMachine, dockerd: '/usr/sbin/dockerd', hasApt: false };
    expect(chooseEngine(found).kind).toBe('start');
  });

  it('installs Docker on a bare machine with apt and root', () => {
    expect(chooseEngine(bareMachine).kind).toBe('install');
  });

  it('asks for an engine on a machine with root but without apt', () => {
    expect(advice({ ...bareMachine, hasApt: false })).toMatch(/no apt .*DOCKER_HOST/);
  });

  it('explains how to reach the engine of the machine without the rights to it', () => {
    expect(advice({ ...bareMachine, canBeRoot: false, defaultSocketExists: true })).toMatch(/group docker/);
  });

  it('explains that an installed dockerd needs root to start', () => {
    const found = { ...bareMachine, canBeRoot: false, dockerd: '/usr/sbin/dockerd' };
    expect(advice(found)).toMatch(/installed but does not run.*without root or sudo/);
  });

  it('lists the programs to install on a machine without them and without root', () => {
    expect(advice({ ...bareMachine, canBeRoot: false })).toMatch(/apt-get install docker\.io/);
  });
});
