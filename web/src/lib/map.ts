// Where the services of the map stand: callers left, callees right, each in the column after its
// farthest caller. Services that call each other in a circle stand where they were met first.

export interface MapNode {
  name: string;
  column: number;
  row: number;
}

export function layout(
  names: readonly string[],
  edges: readonly { from: string; to: string }[],
): MapNode[] {
  const all = [...new Set([...names, ...edges.flatMap((e) => [e.from, e.to])])].sort();
  const column = new Map(all.map((name) => [name, 0]));
  // As many rounds as there are services: a longer way would go in a circle.
  for (let round = 0; round < all.length; round += 1) {
    let moved = false;
    for (const { from, to } of edges) {
      if (from === to || reaches(to, from, edges)) continue;
      const wanted = (column.get(from) ?? 0) + 1;
      if (wanted > (column.get(to) ?? 0)) {
        column.set(to, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const rows = new Map<number, number>();
  return all.map((name) => {
    const at = column.get(name) ?? 0;
    const row = rows.get(at) ?? 0;
    rows.set(at, row + 1);
    return { name, column: at, row };
  });
}

function reaches(
  from: string,
  to: string,
  edges: readonly { from: string; to: string }[],
): boolean {
  const seen = new Set<string>();
  const todo = [from];
  while (todo.length > 0) {
    const name = todo.pop() as string;
    if (name === to) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    for (const edge of edges) if (edge.from === name) todo.push(edge.to);
  }
  return false;
}
