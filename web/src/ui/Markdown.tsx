import { createElement, useMemo } from "react";
import { type Block, parseMarkdown, parseSpans } from "../lib/markdown";
import { Scroll } from "./parts";

export function Markdown({ text }: { text: string }) {
  const blocks = useMemo(() => parseMarkdown(text), [text]);
  return (
    <div className="markdown">
      {blocks.map((block, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the text is replaced as a whole
        <BlockView key={at} block={block} />
      ))}
    </div>
  );
}

function Spans({ text }: { text: string }) {
  return parseSpans(text).map((span, at) => {
    const key = `${at}-${span.type}`;
    if (span.type === "text") return <span key={key}>{span.text}</span>;
    return createElement(span.type, { key }, span.text);
  });
}

function BlockView({ block }: { block: Block }) {
  switch (block.type) {
    case "heading":
      return createElement(`h${Math.min(6, block.level + 1)}`, {}, <Spans text={block.text} />);
    case "paragraph":
      return (
        <p>
          <Spans text={block.text} />
        </p>
      );
    case "quote":
      return (
        <blockquote>
          <Spans text={block.text} />
        </blockquote>
      );
    case "code":
      return (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by key
        <pre tabIndex={0}>
          <code>{block.text}</code>
        </pre>
      );
    case "list":
      return createElement(
        block.ordered ? "ol" : "ul",
        {},
        block.items.map((item, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: as above
          <li key={at}>
            <Spans text={item} />
          </li>
        )),
      );
    case "table":
      return (
        <Scroll label="table">
          <table>
            <thead>
              <tr>
                {block.head.map((cell, at) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: as above
                  <th key={at}>
                    <Spans text={cell} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, at) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: as above
                <tr key={at}>
                  {row.map((cell, place) => (
                    // biome-ignore lint/suspicious/noArrayIndexKey: as above
                    <td key={place}>
                      <Spans text={cell} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      );
  }
}
