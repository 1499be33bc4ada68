/** JSON Schemas of messages, made from their descriptors. */
import { type DescEnum, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { integerRange } from './check-json.js';

export type Schema = Readonly<Record<string, unknown>>;

/** Returns the name of a message's schema: its full name, without the API's own package. */
export function schemaName({ typeName }: DescMessage): string {
  return typeName.replace(/^netflix\.titus\./, '').replace(/^google\.protobuf\./, '');
}

export function refTo(message: DescMessage): Schema {
  return { $ref: `#/components/schemas/${schemaName(message)}` };
}

/** JSON writes these as text. */
function isText({ typeName }: DescMessage): boolean {
  return typeName === 'google.protobuf.Timestamp';
}

/** Returns the schemas of these messages and of all messages in them, by name. */
export function schemasOf(roots: readonly DescMessage[]): Readonly<Record<string, Schema>> {
  const messages = new Set(roots);
  for (const { fields } of messages)
    for (const { message } of fields) if (message !== undefined && !isText(message)) messages.add(message);
  const sorted = [...messages].sort((a, b) => (schemaName(a) < schemaName(b) ? -1 : 1));
  return Object.fromEntries(sorted.map((message) => [schemaName(message), messageSchema(message)]));
}

function messageSchema({ fields, oneofs }: DescMessage): Schema {
  const properties = Object.fromEntries(fields.map((field) => [field.jsonName, fieldSchema(field)]));
  const choices = oneofs.map((oneof) => oneof.fields.map(({ jsonName }) => jsonName));
  return {
    type: 'object',
    properties,
    additionalProperties: false,
    ...(choices.length === 0 ? {} : { allOf: choices.map(atMostOne) }),
  };
}

/** One of the properties, or none of them. */
function atMostOne(names: readonly string[]): Schema {
  const one = names.map((name) => ({ required: [name] }));
  return { oneOf: [...one, { not: { anyOf: one } }] };
}

function fieldSchema(field: DescField): Schema {
  if (field.fieldKind === 'list') return { type: 'array', items: valueSchema(field) };
  if (field.fieldKind === 'map') return { type: 'object', additionalProperties: valueSchema(field) };
  return valueSchema(field);
}

function valueSchema({ message, enum: choice, scalar }: DescField): Schema {
  if (message !== undefined && isText(message)) return { type: 'string', format: 'date-time' };
  if (message !== undefined) return refTo(message);
  return choice === undefined ? scalarSchema(scalar) : enumSchema(choice);
}

function enumSchema({ values }: DescEnum): Schema {
  return { type: 'string', enum: values.map(({ name }) => name) };
}

function scalarSchema(scalar: ScalarType | undefined): Schema {
  const range = scalar === undefined ? undefined : integerRange(scalar);
  if (range !== undefined) return { type: 'integer', minimum: range[0], maximum: range[1] };
  switch (scalar) {
    case ScalarType.BOOL:
      return { type: 'boolean' };
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return { type: 'number' };
    case ScalarType.BYTES:
      return { type: 'string', contentEncoding: 'base64' };
    default:
      return { type: 'string' };
  }
}
