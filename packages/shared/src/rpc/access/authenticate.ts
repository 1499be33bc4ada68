/*
 * Finds the identity of a caller. Without configuration, the caller's own claims count. With configuration,
 * only its bearer token or its certificate counts.
 */
import { createHash } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';
import { type CallerIdentity, callerOf } from './caller.js';

/** The facts of a call that identify its caller. */
export interface Evidence {
  readonly metadata: Metadata;
  /** The address that the call comes from. */
  readonly peer: string;
  /** The caller's, verified against the authorities that are trusted. */
  readonly certificate?: PeerCertificate | undefined;
}

/**
 * Returns the identity of the caller.
 * @throws BerthError unauthenticated if the evidence does not suffice, invalidArgument if claims are too
 * long.
 */
export type Authenticate = (evidence: Evidence) => CallerIdentity;

/** Takes the caller's own claims for its identity. */
export const believe: Authenticate = ({ metadata, peer }) => callerOf(metadata, peer);

/** The identities behind the tokens, by {@link tokenHash}. The tokens themselves are not kept. */
export type Tokens = ReadonlyMap<string, Pick<CallerIdentity, 'id' | 'email'>>;

/**
 * Returns the key by which a token is looked up. Because it is a hash, the time of a look-up reveals
 * nothing about other tokens.
 */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** Takes the identity from the caller's token, or from its certificate if it sends no token. */
export function verify(tokens: Tokens): Authenticate {
  return ({ metadata, peer, certificate }) => {
    const token = bearerToken(metadata);
    if (token !== undefined) {
      const caller = tokens.get(tokenHash(token));
      if (caller === undefined)
        throw new BerthError('unauthenticated', 'The bearer token is not known here.');
      return { ...caller, peer };
    }
    if (certificate !== undefined) return { ...certified(certificate), peer };
    const needed =
      tokens.size > 0 ? 'send a bearer token in the metadata "authorization"' : 'show a certificate';
    throw new BerthError('unauthenticated', `Callers must say who they are: ${needed}.`);
  };
}

function bearerToken(metadata: Metadata): string | undefined {
  const value = metadata.get('authorization')[0]?.toString() ?? '';
  return /^bearer +(\S+) *$/i.exec(value)?.[1];
}

/**
 * Returns the subject's common name as the id, else the first alternative name. The e-mail address is the
 * alternative name that is one.
 */
function certified({ subject, subjectaltname = '' }: PeerCertificate): Pick<CallerIdentity, 'id' | 'email'> {
  const others = subjectaltname.split(', ').filter((name) => name !== '');
  const email = others.find((name) => name.startsWith('email:'))?.slice('email:'.length);
  const commonName: unknown = subject?.CN;
  const id = typeof commonName === 'string' ? commonName : others[0]?.replace(/^[A-Za-z ]+:/, '');
  if (id === undefined || id === '')
    throw new BerthError('unauthenticated', 'The certificate names nobody: it needs a common name.');
  const ownEmail = email ?? (id.includes('@') ? id : undefined);
  return { id, ...(ownEmail === undefined ? {} : { email: ownEmail }) };
}
