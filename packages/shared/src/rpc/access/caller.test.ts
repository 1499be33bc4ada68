import { Metadata } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { callerOf } from './caller.js';

const metadata = (values: Record<string, string>) => {
  const all = new Metadata();
  for (const [key, value] of Object.entries(values)) all.set(key, value);
  return all;
};

it('takes a caller without claims for anonymous', () => {
  expect(callerOf(new Metadata(), '127.0.0.1:5')).toEqual({ id: 'anonymous', peer: '127.0.0.1:5' });
  expect(callerOf(metadata({ 'berth-caller-id': '  ' }))).toEqual({ id: 'anonymous' });
});

it('takes the claims of a caller for its identity', () => {
  const said = {
    'berth-caller-id': 'ada',
    'berth-caller-name': 'Ada',
    'berth-caller-email': 'ada@example.com',
  };
  expect(callerOf(metadata(said))).toEqual({ id: 'ada', name: 'Ada', email: 'ada@example.com' });
});

it('refuses a caller with every claim that is too long', () => {
  const said = {
    'berth-caller-id': 'x'.repeat(257),
    'berth-caller-name': 'y'.repeat(300),
    'berth-caller-email': 'a@b.c',
  };
  expect(() => callerOf(metadata(said))).toThrow(/berth-caller-id.*berth-caller-name/);
});
