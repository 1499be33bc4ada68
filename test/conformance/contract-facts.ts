/** The facts in the tables of a contract's documentation: names, numbers, types and labels. */
export interface ContractFacts {
  /** By full name, nested messages and map entries included; fields in the order of the table. */
  readonly messages: Readonly<Record<string, readonly FieldFact[]>>;
  readonly enums: Readonly<Record<string, readonly EnumValueFact[]>>;
  readonly services: Readonly<Record<string, readonly MethodFact[]>>;
}

/** The label is `repeated`, `optional` or nothing. */
export type FieldFact = readonly [name: string, type: string, label: string];
export type EnumValueFact = readonly [name: string, number: number];
export type MethodFact = readonly [name: string, request: string, response: string];
