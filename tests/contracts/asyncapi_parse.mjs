// Parses an AsyncAPI document with the reference parser and prints every error; exit code 1 if there is one.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [tools, document] = process.argv.slice(2);
const entry = createRequire(pathToFileURL(`${tools}/`)).resolve("@asyncapi/parser");
const { Parser } = await import(pathToFileURL(entry));
const { document: parsed, diagnostics } = await new (Parser)().parse(await readFile(document, "utf8"));
const errors = diagnostics.filter((d) => d.severity === 0);
for (const error of errors) console.log(`${error.path.join("/")}: ${error.message}`);
if (parsed) console.log(`${parsed.version()} ${parsed.channels().length} ${parsed.operations().length}`);
process.exit(errors.length || !parsed ? 1 : 0);
