// The Markdown that hale writes: headings, paragraphs, lists, tables, code, emphasis. Parsed to blocks, never
// to HTML: text of a machine stays text.

export type Block =
  | { type: "heading"; level: number; text: string }
  | { type: "paragraph"; text: string }
  | { type: "list"; ordered: boolean; items: string[] }
  | { type: "code"; text: string }
  | { type: "quote"; text: string }
  | { type: "table"; head: string[]; rows: string[][] };

const cells = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll("\\|", "|"));

export function parseMarkdown(text: string): Block[] {
  const blocks: Block[] = [];
  const lines = text.split(/\r?\n/);
  let at = 0;
  const line = () => lines[at] ?? "";
  while (at < lines.length) {
    const heading = /^(#{1,6})\s+(.*)$/.exec(line());
    const item = /^\s*([-*]|\d+\.)\s+/.exec(line());
    if (line().trim() === "") {
      at += 1;
    } else if (line().startsWith("```")) {
      const code: string[] = [];
      at += 1;
      while (at < lines.length && !line().startsWith("```")) {
        code.push(line());
        at += 1;
      }
      at += 1;
      blocks.push({ type: "code", text: code.join("\n") });
    } else if (heading) {
      blocks.push({ type: "heading", level: (heading[1] ?? "#").length, text: heading[2] ?? "" });
      at += 1;
    } else if (line().trim().startsWith("|") && /^[\s|:-]+$/.test(lines[at + 1] ?? "x")) {
      const head = cells(line());
      const rows: string[][] = [];
      at += 2;
      while (line().trim().startsWith("|")) {
        rows.push(cells(line()));
        at += 1;
      }
      blocks.push({ type: "table", head, rows });
    } else if (item) {
      const ordered = /\d/.test(item[1] ?? "");
      const items: string[] = [];
      while (at < lines.length && line().trim() !== "") {
        const found = /^\s*(?:[-*]|\d+\.)\s+(.*)$/.exec(line());
        if (found) items.push(found[1] ?? "");
        else if (items.length > 0) items.push(`${items.pop()} ${line().trim()}`);
        at += 1;
      }
      blocks.push({ type: "list", ordered, items });
    } else if (line().startsWith(">")) {
      const quote: string[] = [];
      while (line().startsWith(">")) {
        quote.push(line().replace(/^>\s?/, ""));
        at += 1;
      }
      blocks.push({ type: "quote", text: quote.join(" ") });
    } else {
      const paragraph: string[] = [];
      while (
        at < lines.length &&
        line().trim() !== "" &&
        !/^(#{1,6}\s|```|>|\s*[-*]\s|\s*\d+\.\s)/.test(line())
      ) {
        paragraph.push(line().trim());
        at += 1;
      }
      if (paragraph.length === 0) {
        paragraph.push(line().trim());
        at += 1;
      }
      blocks.push({ type: "paragraph", text: paragraph.join(" ") });
    }
  }
  return blocks;
}

export type Span = { type: "text" | "strong" | "em" | "code"; text: string };

export function parseSpans(text: string): Span[] {
  const spans: Span[] = [];
  const pattern = /`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])[*_]([^*_]+)[*_](?![\w*])/g;
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > from) spans.push({ type: "text", text: text.slice(from, found.index) });
    if (found[1] !== undefined) spans.push({ type: "code", text: found[1] });
    else if (found[2] !== undefined) spans.push({ type: "strong", text: found[2] });
    else spans.push({ type: "em", text: found[3] ?? "" });
    from = found.index + found[0].length;
  }
  if (from < text.length) spans.push({ type: "text", text: text.slice(from) });
  return spans;
}
