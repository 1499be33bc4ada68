/** Files that settings name. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { z } from 'zod';

/** The path of a file that this process can read when it starts. */
export const filePath = z.string().transform((path, context) => {
  try {
    accessSync(path, constants.R_OK);
    if (!statSync(path).isDirectory()) return path;
    context.addIssue(`${path} is a directory, not a file`);
  } catch (error) {
    context.addIssue(whyUnreadable(path, error));
  }
  return z.NEVER;
});

/** A file's bytes, or in words why there are none. */
export function readSettingFile(path: string): { readonly bytes: Buffer } | { readonly why: string } {
  try {
    return { bytes: readFileSync(path) };
  } catch (error) {
    return { why: whyUnreadable(path, error) };
  }
}

const reasons: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no file ${path}`,
  ENOTDIR: (path) => `there is no file ${path}`,
  EACCES: (path) => `this user may not read ${path}`,
  EISDIR: (path) => `${path} is a directory, not a file`,
};

function whyUnreadable(path: string, error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return reasons[code]?.(path) ?? `${path} cannot be read (${code || String(error)})`;
}
