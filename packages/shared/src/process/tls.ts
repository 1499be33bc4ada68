import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { z } from 'zod';
import { ConfigError, type tlsConfigShape } from './config.js';
import { readSettingFile } from './config-files.js';

/** The files that a server needs to speak TLS, as PEM. */
export interface Tls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Given, only clients with a certificate of one of these authorities are let in. */
  readonly clientCa?: Buffer;
}

type TlsConfig = {
  readonly [K in keyof typeof tlsConfigShape]?: z.output<(typeof tlsConfigShape)[K]>;
};

/**
 * Reads the files that the configuration names; undefined if it names none.
 * @throws ConfigError that names every file that cannot be read or has the wrong content.
 */
export function readTls(config: TlsConfig): Tls | undefined {
  const { BERTH_TLS_CERT: certPath, BERTH_TLS_KEY: keyPath, BERTH_TLS_CLIENT_CA: caPath } = config;
  if (certPath === undefined || keyPath === undefined) return undefined;
  const problems: string[] = [];
  const read = (name: keyof TlsConfig, path: string): Buffer => {
    const file = readSettingFile(path);
    if ('bytes' in file) return file.bytes;
    problems.push(`${name}: ${file.why}`);
    return Buffer.alloc(0);
  };
  const tls = { cert: read('BERTH_TLS_CERT', certPath), key: read('BERTH_TLS_KEY', keyPath) };
  const clientCa = caPath === undefined ? {} : { clientCa: read('BERTH_TLS_CLIENT_CA', caPath) };
  if (problems.length === 0) problems.push(...unusable({ ...tls, ...clientCa }));
  if (problems.length > 0) throw ConfigError.of(problems);
  return { ...tls, ...clientCa };
}

function unusable({ cert, key, clientCa }: Tls): readonly string[] {
  const problems = [
    ...(isUsable({ cert }) ? [] : ['BERTH_TLS_CERT: holds no certificate in PEM']),
    ...(isUsable({ key }) ? [] : ['BERTH_TLS_KEY: holds no private key in PEM, or one with a passphrase']),
    ...(isUsable({ cert: clientCa }) ? [] : ['BERTH_TLS_CLIENT_CA: holds no certificate in PEM']),
  ];
  if (problems.length > 0 || isUsable({ cert, key })) return problems;
  return ['BERTH_TLS_KEY: is not the key of the certificate that BERTH_TLS_CERT holds'];
}

function isUsable(part: SecureContextOptions): boolean {
  try {
    createSecureContext(part);
    return true;
  } catch {
    return false;
  }
}
