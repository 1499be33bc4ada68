export interface RetiredUse {
  readonly line: number;
  readonly word: string;
  readonly instead: string;
}

export function retiredUses(
  path: string,
  source: string,
  wireNames?: ReadonlySet<string>,
): readonly RetiredUse[];
export function usesInTree(
  paths?: readonly string[],
  dir?: string,
): readonly (RetiredUse & { readonly path: string })[];
