export const maxFilesPerFolder: number;
export function importGraph(dir?: string): Map<string, Set<string>>;
export function breaches(edges: ReadonlyMap<string, Iterable<string>>): readonly string[];
export function circles(edges: ReadonlyMap<string, readonly string[]>): readonly string[][];
