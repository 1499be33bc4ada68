import {
  createFileRegistry,
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromBinary,
  toBinary,
} from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { fileDescriptorSetBase64 } from '../../gen/descriptors.js';

/** Returns the descriptors of all of Berth's protos and of the files that they import. */
export function loadDescriptors(): FileRegistry {
  return createFileRegistry(
    fromBinary(FileDescriptorSetSchema, Buffer.from(fileDescriptorSetBase64, 'base64')),
  );
}

/** The full name of a service, from its definition. */
export function serviceName(definition: ServiceDefinition): string {
  const [method] = Object.values(definition);
  if (method === undefined) throw new Error('a service without methods has no name');
  return method.path.split('/')[1] ?? '';
}

/** The descriptors of some services, as their clients ask for them. */
export interface DescriptorIndex {
  /** Full names, sorted. */
  readonly services: readonly string[];
  /** Encoded files, the one asked for first, then all that it needs; undefined when there is none. */
  fileNamed(name: string): readonly Buffer[] | undefined;
  fileOf(symbol: string): readonly Buffer[] | undefined;
  fileOfExtension(message: string, number: number): readonly Buffer[] | undefined;
  /** Undefined when there is no such message. */
  extensionsOf(message: string): readonly number[] | undefined;
}

/** Indexes these services and the files they need. Throws when a service is in none of the protos. */
export function indexDescriptors(registry: FileRegistry, services: readonly string[]): DescriptorIndex {
  const roots = services.map((name) => {
    const service = registry.getService(name);
    if (service === undefined) throw new Error(`no descriptor of service ${name}: run npm run gen`);
    return service.file;
  });
  const files = new Map(closure(roots).map((file) => [`${file.name}.proto`, file]));
  const symbols = new Map(
    [...files.values()].flatMap((file) => symbolsOf(file).map((name) => [name, file] as const)),
  );
  const extensions = [...files.values()].flatMap((file) => extensionsIn(file));
  const encoded = (file: DescFile | undefined) =>
    file === undefined ? undefined : closure([file]).map(encodeFile);
  return {
    services: services.toSorted(),
    fileNamed: (name) => encoded(files.get(name)),
    fileOf: (symbol) => encoded(symbols.get(symbol)),
    fileOfExtension: (message, number) =>
      encoded(extensions.find((one) => one.extendee.typeName === message && one.number === number)?.file),
    extensionsOf: (message) => {
      if (symbols.get(message) === undefined || registry.getMessage(message) === undefined) return undefined;
      return extensions.filter(({ extendee }) => extendee.typeName === message).map(({ number }) => number);
    },
  };
}

/** The files and, after them, all that they import, each once. */
function closure(roots: readonly DescFile[]): DescFile[] {
  const seen = new Set(roots);
  for (const file of seen) for (const dependency of file.dependencies) seen.add(dependency);
  return [...seen];
}

function encodeFile(file: DescFile): Buffer {
  return Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto));
}

/** Full names of all that a file defines, down to fields, enum values and methods. */
function symbolsOf(file: DescFile): string[] {
  return [...nestedTypes(file)].flatMap((type) => [type.typeName, ...membersOf(type)]);
}

function membersOf(type: DescMessage | DescEnum | DescExtension | DescService): string[] {
  const within = ({ name }: { name: string }) => `${type.typeName}.${name}`;
  switch (type.kind) {
    case 'message':
      return [...type.fields, ...type.oneofs].map(within);
    case 'service':
      return type.methods.map(within);
    case 'enum':
      // Enum values live beside their enum, not in it.
      return type.values.map(({ name }) => type.typeName.slice(0, -type.name.length) + name);
    case 'extension':
      return [];
  }
}

function extensionsIn(file: DescFile): DescExtension[] {
  return [...nestedTypes(file)].filter((type) => type.kind === 'extension');
}
