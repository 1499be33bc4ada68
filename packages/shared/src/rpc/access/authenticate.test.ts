import type { PeerCertificate } from 'node:tls';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { type Evidence, tokenHash, verify } from './authenticate.js';

const peer = '192.0.2.1:5';
const tokens = new Map([
  [tokenHash('a-token-for-ada-1'), { id: 'ada', email: 'ada@example.org' }],
  [tokenHash('a-token-for-robots'), { id: 'robot' }],
]);

function call(headers: Record<string, string>, certificate?: Partial<PeerCertificate>): Evidence {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
  return { metadata, peer, ...(certificate && { certificate: certificate as PeerCertificate }) };
}

describe('a caller under authentication', () => {
  const authenticate = verify(tokens);

  it('has the identity of its token, independent of its own claims', () => {
    const said = { 'berth-caller-id': 'eve', 'berth-caller-email': 'eve@example.org' };
    expect(authenticate(call({ ...said, authorization: 'Bearer a-token-for-ada-1' }))).toEqual({
      id: 'ada',
      email: 'ada@example.org',
      peer,
    });
    expect(authenticate(call({ ...said, authorization: 'bearer a-token-for-robots' }))).toEqual({
      id: 'robot',
      peer,
    });
  });

  it('is refused with an unknown token, even if it has a certificate', () => {
    const certificate = { subject: { CN: 'ada' } } as Partial<PeerCertificate>;
    for (const evidence of [
      { authorization: 'Bearer nonsense' },
      { authorization: 'Bearer a-token-for-ada-12' },
    ])
      expect(() => authenticate(call(evidence, certificate))).toThrow('The bearer token is not known here.');
  });

  it('is refused without evidence, and learns the required evidence', () => {
    expect(() => authenticate(call({ 'berth-caller-id': 'ada' }))).toThrow(/send a bearer token/);
    expect(() => authenticate(call({ authorization: 'Basic YTpi' }))).toThrow(/send a bearer token/);
    expect(() => verify(new Map())(call({}))).toThrow(/show a certificate/);
  });

  it('has the identity in its certificate', () => {
    const named = (certificate: object) =>
      verify(new Map())(call({}, certificate as Partial<PeerCertificate>));
    expect(named({ subject: { CN: 'ada' }, subjectaltname: 'DNS:x, email:ada@example.org' })).toEqual({
      id: 'ada',
      email: 'ada@example.org',
      peer,
    });
    expect(named({ subject: { CN: 'bob@example.org' } })).toMatchObject({ email: 'bob@example.org' });
    expect(named({ subject: {}, subjectaltname: 'URI:spiffe://cell/robot' })).toEqual({
      id: 'spiffe://cell/robot',
      peer,
    });
    expect(() => named({ subject: {} })).toThrow(/names nobody/);
  });
});
