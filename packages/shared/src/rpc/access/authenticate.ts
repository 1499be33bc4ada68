/*
 * Who a caller is. Where nothing is configured it is whom it says it is; otherwise its bearer token or its certificate says
 * so, and what it says of itself counts for nothing.
 */
import { createHash } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import type { Metadata } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';
import { type CallerIdentity, callerOf } from './caller.js';

/** What a call shows of its caller. */
export interface Evidence {
  readonly metadata: Metadata;
  /** The address that the call comes from. */
  readonly peer: string;
  /** The caller's, verified against the authorities that are trusted. */
  readonly certificate?: PeerCertificate | undefined;
}

/**
 * Says who calls.
 * @throws BerthError unauthenticated where that cannot be said, invalidArgument where claims are too long.
 */
export type Authenticate = (evidence: Evidence) => CallerIdentity;

/** The caller is whom it says it is. */
export const believe: Authenticate = ({ metadata, peer }) => callerOf(metadata, peer);

/** Whom tokens stand for, by {@link tokenHash}: the tokens themselves are not kept. */
export type Tokens = ReadonlyMap<string, Pick<CallerIdentity, 'id' | 'email'>>;

/** By what a token is looked up, so that the time of a look-up tells nothing of the tokens there are. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The caller is whom its token stands for, or without a token whom its certificate names. */
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

/** The subject's common name, else the first alternative name; an alternative name that is an e-mail address is its e-mail. */
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
