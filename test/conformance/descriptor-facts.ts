import { loadDescriptors } from '@berth/shared/rpc/builtin/descriptors';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  type ServiceDescriptorProto,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';

/** A field as it is in the descriptors that the services are generated from. */
export interface DescribedField {
  readonly name: string;
  readonly number: number;
  readonly type: string;
  readonly isRepeated: boolean;
  /** Declared proto3 `optional`: its absence differs from its default. */
  readonly isOptional: boolean;
  readonly oneof?: string;
}

export interface DescribedMethod {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
}

/** The declarations of a proto file, by full name. */
export interface DescribedFile {
  readonly messages: ReadonlyMap<string, readonly DescribedField[]>;
  readonly mapEntries: ReadonlySet<string>;
  readonly enums: ReadonlyMap<string, readonly (readonly [name: string, number: number])[]>;
  readonly services: ReadonlyMap<string, readonly DescribedMethod[]>;
}

const registry = loadDescriptors();

/** The committed descriptors of one proto file, such as `job/v1/job_service.proto`. */
export function describeFile(path: string): DescribedFile {
  const file = registry.getFile(path)?.proto;
  if (file === undefined) throw new Error(`no descriptors of ${path}`);
  const messages = file.messageType.flatMap((message) => withNested(message, file.package));
  return {
    messages: new Map(
      messages.map(([name, message]) => [name, message.field.map((field) => describeField(field, message))]),
    ),
    mapEntries: new Set(
      messages.flatMap(([name, { options }]) => (options?.mapEntry === true ? [name] : [])),
    ),
    enums: new Map([
      ...file.enumType.map((type) => describeEnum(type, file.package)),
      ...messages.flatMap(([name, { enumType }]) => enumType.map((type) => describeEnum(type, name))),
    ]),
    services: new Map(
      file.service.map((service) => [`${file.package}.${service.name}`, service.method.map(describeMethod)]),
    ),
  };
}

function withNested(message: DescriptorProto, scope: string): [name: string, message: DescriptorProto][] {
  const name = `${scope}.${message.name}`;
  return [[name, message], ...message.nestedType.flatMap((nested) => withNested(nested, name))];
}

function describeField(field: FieldDescriptorProto, message: DescriptorProto): DescribedField {
  const { name, number, label, proto3Optional, oneofIndex } = field;
  // A proto3 optional is, to older tools, a oneof of its own.
  const oneof = proto3Optional || !hasOneof(field) ? undefined : message.oneofDecl[oneofIndex]?.name;
  return {
    name,
    number,
    type: typeOf(field),
    isRepeated: label === Label.REPEATED,
    isOptional: proto3Optional,
    ...(oneof === undefined ? {} : { oneof }),
  };
}

/** An unset index reads as 0, so the test asks the object itself for the field. */
function hasOneof(field: FieldDescriptorProto): boolean {
  return Object.hasOwn(field, 'oneofIndex');
}

function typeOf({ type, typeName }: FieldDescriptorProto): string {
  if (type === Type.MESSAGE || type === Type.ENUM) return typeName.replace(/^\./, '');
  return Type[type].toLowerCase();
}

function describeEnum({ name, value }: EnumDescriptorProto, scope: string): [string, [string, number][]] {
  return [`${scope}.${name}`, value.map((one) => [one.name, one.number])];
}

function describeMethod(method: ServiceDescriptorProto['method'][number]): DescribedMethod {
  return {
    name: method.name,
    request: method.inputType.replace(/^\./, ''),
    response: method.outputType.replace(/^\./, ''),
    clientStreaming: method.clientStreaming,
    serverStreaming: method.serverStreaming,
  };
}
