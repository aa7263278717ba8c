/**
 * Descriptors for reflection, as clients that are strict about them read them: the library's refer to types by parts of
 * their names, name no file that a file imports (https://github.com/grpc/grpc-node/issues/2595), and name the entries of
 * maps otherwise than `google/protobuf/descriptor.proto` asks for.
 */
import type { PackageDefinition } from "@grpc/proto-loader";
import descriptor from "protobufjs/ext/descriptor/index.js";

interface FileDescriptor {
  readonly name: string;
  readonly package: string;
  readonly messageType: MessageDescriptor[];
  readonly enumType: { readonly name: string }[];
  readonly service: { readonly method: { inputType: string; outputType: string }[] }[];
  dependency: string[];
}

interface MessageDescriptor {
  name: string;
  /** The type's name is empty for numbers and texts. */
  readonly field: { readonly name: string; typeName: string }[];
  readonly nestedType: MessageDescriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}

/** All of its parts come from the same files. */
export function completeDescriptors(definition: PackageDefinition): PackageDefinition {
  let completed: Buffer[] | undefined;
  const parts = Object.entries(definition).map(([name, part]) => {
    if (!("format" in part)) return [name, part];
    completed ??= complete(part.fileDescriptorProtos as Buffer[]);
    return [name, { ...part, fileDescriptorProtos: completed }];
  });
  return Object.fromEntries(parts) as PackageDefinition;
}

function complete(encoded: readonly Buffer[]): Buffer[] {
  const { FileDescriptorProto } = descriptor;
  const files = encoded.map((bytes) => FileDescriptorProto.decode(bytes) as unknown as FileDescriptor);
  /** The file of each type, by the type's whole name. */
  const homes = new Map<string, string>();
  for (const file of files) {
    for (const { name } of file.enumType) homes.set(`${file.package}.${name}`, file.name);
    for (const message of file.messageType) declare(message, file.package, file.name, homes);
  }
  for (const file of files) {
    const imported = new Set<string>();
    const whole = (reference: string, scope: string) => {
      const name = wholeName(reference, scope, homes);
      imported.add(homes.get(name) ?? "");
      return `.${name}`;
    };
    for (const message of file.messageType) referWholly(message, file.package, whole);
    for (const method of file.service.flatMap((service) => service.method)) {
      method.inputType = whole(method.inputType, file.package);
      method.outputType = whole(method.outputType, file.package);
    }
    imported.delete(file.name);
    file.dependency = [...imported];
  }
  return files.map((file) => Buffer.from(FileDescriptorProto.encode(file as object).finish()));
}

/** Names the entries of its maps as they are to be, too. */
function declare(message: MessageDescriptor, scope: string, file: string, homes: Map<string, string>): void {
  const name = `${scope}.${message.name}`;
  homes.set(name, file);
  for (const nested of message.nestedType) {
    const map = message.field.find(({ typeName }) => typeName === nested.name);
    if (nested.options?.mapEntry && map !== undefined) {
      nested.name = `${map.name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase())}Entry`;
      map.typeName = nested.name;
    }
    declare(nested, name, file, homes);
  }
}

function referWholly(
  message: MessageDescriptor,
  scope: string,
  whole: (reference: string, scope: string) => string,
): void {
  const name = `${scope}.${message.name}`;
  for (const field of message.field) {
    if (field.typeName !== "") field.typeName = whole(field.typeName, name);
  }
  for (const nested of message.nestedType) referWholly(nested, name, whole);
}

/** What a name means in a scope: the nearest one outwards. */
function wholeName(reference: string, scope: string, homes: ReadonlyMap<string, string>): string {
  for (let parts = scope.split("."); parts.length > 0; parts = parts.slice(0, -1)) {
    const name = [...parts, reference].join(".");
    if (homes.has(name)) return name;
  }
  return reference.replace(/^\./, "");
}
