/*
 * Checks if JSON can become a message. The generated readers skip unknown fields and convert wrong values;
 * these checks find all such fields first and report them together.
 */
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';

/** The caller gets at most this many violations. */
const maxViolations = 50;

type Report = (field: string, description: string) => void;

/**
 * Returns every part of the JSON that does not belong to the message, by path, such as
 * `containers["main"].image.nmae`.
 */
export function jsonViolations(type: DescMessage, json: unknown, path = ''): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  checkMessage(type, json, path, (field, description) => {
    if (violations.length < maxViolations) violations.push({ field, description });
  });
  return violations;
}

function checkMessage(type: DescMessage, json: unknown, path: string, report: Report): void {
  if (!isObject(json)) return report(path || 'body', 'must be a JSON object');
  for (const [name, value] of Object.entries(json)) {
    const field = type.fields.find(({ jsonName }) => jsonName === name);
    const at = path === '' ? name : `${path}.${name}`;
    if (field === undefined) report(at, `is not a field of ${type.typeName}; ${knownFields(type)}`);
    // In JSON null stands for a field that is not set.
    else if (value !== null) checkField(field, value, at, report);
  }
  for (const { fields } of type.oneofs) {
    const set = fields.filter(({ jsonName }) => (json[jsonName] ?? null) !== null);
    if (set.length > 1)
      report(
        path || 'body',
        `has ${set.map(({ jsonName }) => jsonName).join(' and ')}; it may have only one`,
      );
  }
}

function knownFields({ fields }: DescMessage): string {
  if (fields.length === 0) return 'it has none';
  return `known are ${fields.map(({ jsonName }) => jsonName).join(', ')}`;
}

function checkField(field: DescField, value: unknown, path: string, report: Report): void {
  if (field.fieldKind === 'list') {
    if (!Array.isArray(value)) return report(path, 'must be a list');
    for (const [index, item] of value.entries()) checkValue(field, item, `${path}[${index}]`, report);
    return;
  }
  if (field.fieldKind === 'map') {
    if (!isObject(value)) return report(path, 'must be a JSON object');
    for (const [key, item] of Object.entries(value)) {
      const at = `${path}[${JSON.stringify(key)}]`;
      // The generated code cannot hold this key and would lose the entry.
      if (key === '__proto__') report(at, 'no key may have this name');
      else checkValue(field, item, at, report);
    }
    return;
  }
  checkValue(field, value, path, report);
}

/** Checks one value of a field, a list or a map. */
function checkValue(field: DescField, value: unknown, path: string, report: Report): void {
  if (field.message !== undefined) return checkMessage(field.message, value, path, report);
  const wanted =
    field.enum === undefined ? scalarMismatch(field.scalar, value) : enumMismatch(field.enum, value);
  if (wanted !== undefined) report(path, `must be ${wanted}`);
}

function enumMismatch({ values }: DescEnum, value: unknown): string | undefined {
  if (values.some(({ name, number }) => name === value || number === value)) return undefined;
  return `one of ${values.map(({ name }) => name).join(', ')}`;
}

const ranges: ReadonlyMap<ScalarType, readonly [min: number, max: number]> = new Map([
  [ScalarType.INT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SINT32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.SFIXED32, [-(2 ** 31), 2 ** 31 - 1]],
  [ScalarType.UINT32, [0, 2 ** 32 - 1]],
  [ScalarType.FIXED32, [0, 2 ** 32 - 1]],
  [ScalarType.INT64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [ScalarType.SINT64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [ScalarType.SFIXED64, [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]],
  [ScalarType.UINT64, [0, Number.MAX_SAFE_INTEGER]],
  [ScalarType.FIXED64, [0, Number.MAX_SAFE_INTEGER]],
]);

/**
 * Returns the integers that a field can hold; undefined if its type is not an integer. JSON limits 64 bits to
 * its own safe numbers.
 */
export function integerRange(scalar: ScalarType): readonly [min: number, max: number] | undefined {
  return ranges.get(scalar);
}

function scalarMismatch(scalar: ScalarType | undefined, value: unknown): string | undefined {
  const range = scalar === undefined ? undefined : integerRange(scalar);
  if (range !== undefined) return integerMismatch(range, value);
  switch (scalar) {
    case ScalarType.BOOL:
      return typeof value === 'boolean' ? undefined : 'true or false';
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return typeof value === 'number' ? undefined : 'a number';
    case ScalarType.BYTES:
      return typeof value === 'string' && /^[A-Za-z0-9+/_-]*={0,2}$/.test(value) ? undefined : 'base64 text';
    default:
      return typeof value === 'string' ? undefined : 'a string';
  }
}

/** Accepts a number, or a string with a number: JSON writes 64-bit integers as strings. */
function integerMismatch([min, max]: readonly [number, number], value: unknown): string | undefined {
  const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
  const fits = typeof number === 'number' && Number.isInteger(number) && number >= min && number <= max;
  return fits ? undefined : `an integer from ${min} to ${max}`;
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
