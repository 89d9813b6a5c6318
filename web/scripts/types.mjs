// Writes src/api/schema.gen.ts from the API's committed document, ../docs/reference/openapi.json (or the file
// that is named).
import { readFileSync, writeFileSync } from "node:fs";
import openapi, { astToString } from "openapi-typescript";

const from = process.argv[2] ?? new URL("../../docs/reference/openapi.json", import.meta.url);
const ast = await openapi(JSON.parse(readFileSync(from, "utf8")));
writeFileSync(
  new URL("../src/api/schema.gen.ts", import.meta.url),
  `// Made by npm run types.\n${astToString(ast)}`,
);
