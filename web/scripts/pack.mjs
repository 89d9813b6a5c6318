// After the build: compressed forms beside each file, for the server to choose from; and the size of
// all script, which has a limit.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const SCRIPT_GZIP_BYTES_MAX = 250_000;
const dist = fileURLToPath(new URL("../dist/", import.meta.url));
const files = readdirSync(dist, { recursive: true })
  .map(String)
  .filter((name) => /\.(html|js|css|svg|txt)$/.test(name) && statSync(dist + name).isFile());

let script = 0;
let first = 0;
const page = readFileSync(`${dist}index.html`, "utf8");
for (const name of files) {
  const bytes = readFileSync(dist + name);
  const gzip = gzipSync(bytes, { level: 9 });
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  writeFileSync(`${dist}${name}.gz`, gzip);
  writeFileSync(`${dist}${name}.br`, brotli);
  if (name.endsWith(".js")) {
    script += gzip.length;
    if (page.includes(name)) first += gzip.length;
  }
}
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;
console.log(
  `web: ${files.length} files; script ${kb(script)} gzipped in all, ${kb(first)} of it before the first view ` +
    `(limit ${kb(SCRIPT_GZIP_BYTES_MAX)})`,
);
if (script > SCRIPT_GZIP_BYTES_MAX) {
  console.error("web: too much script");
  process.exit(1);
}
