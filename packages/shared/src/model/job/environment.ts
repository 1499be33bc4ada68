/**
 * Returns the fault in the name of a variable. Linux allows every name without an equals sign and NUL.
 * Undefined if it has none.
 */
export function variableNameProblem(name: string): string | undefined {
  if (name !== '' && !name.includes('=') && !name.includes('\0')) return undefined;
  return 'is no name of a variable: it must not be empty, and not hold = or NUL';
}

/** Returns the fault in the value of a variable. Undefined if it has none. */
export function variableValueProblem(value: string): string | undefined {
  return value.includes('\0') ? 'must not hold NUL' : undefined;
}
