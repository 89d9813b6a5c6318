// Where the services of the map stand and how its lines run: callers left, callees right, each in the column
// after its farthest caller. A line that spans columns keeps a place free in each of them, so that none runs
// under a service; a call back, against that direction, goes round below all. Services that call each other in
// a circle stand where they were met first. Pure geometry, in pixels.

export interface MapNode {
  name: string;
  column: number;
  x: number;
  y: number;
}

export interface MapEdge {
  from: string;
  to: string;
  /** An SVG path. */
  path: string;
  /** The middle of its label. */
  label: { x: number; y: number };
}

export interface ServiceMap {
  width: number;
  height: number;
  nodes: MapNode[];
  edges: MapEdge[];
}

export interface Call {
  from: string;
  to: string;
}

export const NODE = { width: 168, height: 58 };
const GAP = { x: 80, y: 22 };
const PAD = 12;
/** Height of the place that a line keeps free in a column which it passes. */
const PASS_HEIGHT = 30;
/** Height of the way below all for one call back. */
const LANE_HEIGHT = 26;
/** A label of eight characters, and its height. */
export const LABEL = { width: 50, height: 15 };
/** Rounds of putting each service near those it is joined to. */
const ROUNDS = 4;
/** Beyond so many labels in one gap nobody reads them; they are not moved apart. */
const LABELS_MOVED_MAX = 200;

/** A service, or the place of a line that passes. */
interface Slot {
  name: string | null;
  height: number;
  column: number;
  y: number;
  order: number;
}

/** The ends of one curve of a line, and in which gap it runs. */
interface Curve {
  gap: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export function serviceMap(names: readonly string[], calls: readonly Call[]): ServiceMap {
  const drawn = distinct(calls);
  const all = [...new Set([...names, ...drawn.flatMap((c) => [c.from, c.to])])].sort();
  const column = columns(all, drawn);
  const at = (name: string) => column.get(name) ?? 0;
  const forward = drawn.filter((c) => at(c.to) > at(c.from));
  const back = drawn.filter((c) => at(c.to) <= at(c.from));
  const width = Math.max(0, ...all.map(at)) + 1;
  const slots: Slot[][] = Array.from({ length: width }, () => []);
  const ways = new Map<string, Slot[]>();
  const slotOf = new Map<string, Slot>();
  const put = (name: string | null, place: number, height: number): Slot => {
    const slot = { name, height, column: place, y: 0, order: slots[place]?.length ?? 0 };
    slots[place]?.push(slot);
    return slot;
  };
  for (const name of all) slotOf.set(name, put(name, at(name), NODE.height));
  const slotNamed = (name: string) => slotOf.get(name) as Slot;
  for (const call of forward) {
    const way = [slotNamed(call.from)];
    for (let c = at(call.from) + 1; c < at(call.to); c += 1) way.push(put(null, c, PASS_HEIGHT));
    ways.set(keyOf(call), [...way, slotNamed(call.to)]);
  }
  arrange(slots, [...ways.values()]);
  const tallest = Math.max(...slots.map(heightOf));
  for (const list of slots) {
    let y = PAD + (tallest - heightOf(list)) / 2;
    for (const slot of list) {
      slot.y = y;
      y += slot.height + GAP.y;
    }
  }
  // A way round needs room beside the outer columns.
  const side = back.length > 0 ? GAP.x / 2 : 0;
  const x = (place: number) => PAD + side + place * (NODE.width + GAP.x);
  const below = PAD + tallest + (back.length > 0 ? GAP.y : 0);
  const curves = forward.map((call) => curvesOf(ways.get(keyOf(call)) ?? [], x));
  const rounds = back.map((call, lane) =>
    roundOf(slotNamed(call.from), slotNamed(call.to), x, below + (lane + 0.5) * LANE_HEIGHT),
  );
  const labels = labelsOf(curves.map((c) => c.at(-1) as Curve));
  return {
    width: 2 * (PAD + side) + width * NODE.width + (width - 1) * GAP.x,
    height: below + back.length * LANE_HEIGHT + PAD,
    nodes: all.map((name) => ({ name, column: at(name), x: x(at(name)), y: slotNamed(name).y })),
    edges: [
      ...forward.map((call, i) => ({
        ...call,
        path: (curves[i] ?? []).map(drawCurve).join(""),
        label: labels[i] ?? { x: 0, y: 0 },
      })),
      ...back.map((call, i) => ({ ...call, ...(rounds[i] as ReturnType<typeof roundOf>) })),
    ],
  };
}

const keyOf = (call: Call) => JSON.stringify([call.from, call.to]);

/** Each pair once, and nobody's calls of itself. */
function distinct(calls: readonly Call[]): Call[] {
  const seen = new Map<string, Call>();
  for (const { from, to } of calls) if (from !== to) seen.set(keyOf({ from, to }), { from, to });
  return [...seen.values()];
}

/** The column of each: one after its farthest caller, circles left out. */
function columns(names: readonly string[], calls: readonly Call[]): Map<string, number> {
  const circle = circles(names, calls);
  const straight = calls.filter((c) => circle.get(c.from) !== circle.get(c.to));
  const column = new Map(names.map((name) => [name, 0]));
  // As many rounds as there are services: there is no longer way without a circle.
  for (let round = 0; round < names.length; round += 1) {
    let moved = false;
    for (const { from, to } of straight) {
      const wanted = (column.get(from) ?? 0) + 1;
      if (wanted > (column.get(to) ?? 0)) {
        column.set(to, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  return column;
}

/** Who is in a circle with whom: Tarjan's strongly connected components, without recursion. */
function circles(names: readonly string[], calls: readonly Call[]): Map<string, number> {
  const callees = new Map<string, string[]>(names.map((name) => [name, []]));
  for (const { from, to } of calls) callees.get(from)?.push(to);
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const circle = new Map<string, number>();
  const open: string[] = [];
  let count = 0;
  for (const root of names) {
    if (index.has(root)) continue;
    const path: { name: string; next: number }[] = [{ name: root, next: 0 }];
    while (path.length > 0) {
      const step = path.at(-1) as { name: string; next: number };
      const { name } = step;
      if (step.next === 0 && !index.has(name)) {
        index.set(name, index.size);
        low.set(name, index.get(name) ?? 0);
        open.push(name);
      }
      const callee = callees.get(name)?.[step.next];
      if (callee !== undefined) {
        step.next += 1;
        if (!index.has(callee)) path.push({ name: callee, next: 0 });
        else if (!circle.has(callee))
          low.set(name, Math.min(low.get(name) ?? 0, index.get(callee) ?? 0));
        continue;
      }
      path.pop();
      const caller = path.at(-1)?.name;
      if (caller !== undefined) low.set(caller, Math.min(low.get(caller) ?? 0, low.get(name) ?? 0));
      if (low.get(name) !== index.get(name)) continue;
      for (;;) {
        const member = open.pop() as string;
        circle.set(member, count);
        if (member === name) break;
      }
      count += 1;
    }
  }
  return circle;
}

/** Puts each slot near the middle of those that it is joined to, so that lines cross seldom. */
function arrange(slots: Slot[][], ways: readonly Slot[][]): void {
  const before = new Map<Slot, Slot[]>();
  const after = new Map<Slot, Slot[]>();
  const join = (map: Map<Slot, Slot[]>, slot: Slot, other: Slot) =>
    map.set(slot, [...(map.get(slot) ?? []), other]);
  for (const way of ways) {
    way.slice(1).forEach((slot, i) => {
      const previous = way[i] as Slot;
      join(before, slot, previous);
      join(after, previous, slot);
    });
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const down = round % 2 === 0;
    for (const list of down ? slots : [...slots].reverse()) {
      const middle = new Map(
        list.map((slot) => [slot, middleOf((down ? before : after).get(slot) ?? [], slots, slot)]),
      );
      list.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0) || a.order - b.order);
      list.forEach((slot, order) => {
        slot.order = order;
      });
    }
  }
}

/** Where the joined ones stand, counted from the middle of their columns; its own place where there is none. */
function middleOf(joined: readonly Slot[], slots: readonly Slot[][], own: Slot): number {
  const place = (s: Slot) => s.order - ((slots[s.column]?.length ?? 1) - 1) / 2;
  if (joined.length === 0) return place(own);
  return joined.reduce((sum, s) => sum + place(s), 0) / joined.length;
}

function heightOf(list: readonly Slot[]): number {
  return list.reduce((sum, slot) => sum + slot.height + GAP.y, -GAP.y);
}

const middleY = (slot: Slot) => slot.y + slot.height / 2;

function curvesOf(way: readonly Slot[], x: (column: number) => number): Curve[] {
  return way.slice(1).map((slot, i) => {
    const from = way[i] as Slot;
    return {
      gap: from.column,
      x0: x(from.column) + NODE.width,
      y0: middleY(from),
      x1: x(slot.column),
      y1: middleY(slot),
    };
  });
}

/** A curve; where a line goes on, straight through the place that it kept free. */
function drawCurve({ x0, y0, x1, y1 }: Curve, index: number): string {
  const bend = (x1 - x0) / 2;
  const start = index === 0 ? `M${x0} ${y0}` : `H${x0}`;
  return `${start}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
}

/** From the right of the caller down, along below all, and up to the left of the callee. */
function roundOf(from: Slot, to: Slot, x: (column: number) => number, lane: number) {
  const right = x(from.column) + NODE.width;
  const left = x(to.column);
  const r = 10;
  const out = right + GAP.x / 4;
  const into = left - GAP.x / 4;
  const path =
    `M${right} ${middleY(from)}H${out - r}q${r} 0 ${r} ${r}V${lane - r}q0 ${r} ${-r} ${r}` +
    `H${into + r}q${-r} 0 ${-r} ${-r}V${middleY(to) + r}q0 ${-r} ${r} ${-r}H${left}`;
  return { path, label: { x: (out + into) / 2, y: lane } };
}

/** How far along the last curve of a line its label may stand, the best first. */
const ALONG = [0.5, 0.4, 0.6, 0.32, 0.68, 0.25, 0.75, 0.18, 0.82];
/** Steps up and down from its line, where all of that is taken. */
const BESIDE = [-1, 1, -2, 2, -3, 3];

/** In the gap before the callee, where nothing stands; beside each other where they would lie on each other. */
function labelsOf(curves: readonly Curve[]): { x: number; y: number }[] {
  const taken = new Map<number, { x: number; y: number }[]>();
  return curves.map((curve) => {
    const others = taken.get(curve.gap) ?? [];
    const middle = along(curve, 0.5);
    const beside = BESIDE.map((step) => ({ x: middle.x, y: middle.y + step * LABEL.height }));
    const places = [...ALONG.map((t) => along(curve, t)), ...beside];
    const isFree = (place: { x: number; y: number }) =>
      others.length > LABELS_MOVED_MAX || others.every((other) => !overlap(place, other));
    const place = places.find(isFree) ?? middle;
    taken.set(curve.gap, [...others, place]);
    return place;
  });
}

/** A point of the curve that `drawCurve` draws; the label keeps within the gap. */
function along({ x0, y0, x1, y1 }: Curve, t: number): { x: number; y: number } {
  const u = 1 - t;
  const bend = (x1 - x0) / 2;
  const x =
    u * u * u * x0 + 3 * u * u * t * (x0 + bend) + 3 * u * t * t * (x1 - bend) + t * t * t * x1;
  const y = (u * u * u + 3 * u * u * t) * y0 + (3 * u * t * t + t * t * t) * y1;
  const half = LABEL.width / 2 + 2;
  return { x: Math.min(Math.max(x, x0 + half), x1 - half), y };
}

function overlap(a: { x: number; y: number }, b: { x: number; y: number }): boolean {
  return Math.abs(a.x - b.x) < LABEL.width && Math.abs(a.y - b.y) < LABEL.height;
}
