// Parses TypeScript files by the compiler's own parser: reads texts behind their lengths (four bytes, big-endian; -1 ends), and
// writes for each a line with what the parser says against it. The argument is the folder of the `typescript` package.
"use strict";

const compiler = require(process.argv[2]);
let waiting = Buffer.alloc(0);

function said(text) {
  const file = compiler.createSourceFile("file.ts", text, compiler.ScriptTarget.Latest, false, compiler.ScriptKind.TS);
  return file.parseDiagnostics.map((one) => compiler.flattenDiagnosticMessageText(one.messageText, " ").replace(/\s+/g, " "));
}

process.stdin.on("data", (more) => {
  waiting = Buffer.concat([waiting, more]);
  while (waiting.length >= 4) {
    const length = waiting.readInt32BE(0);
    if (length < 0) process.exit(0);
    if (waiting.length < 4 + length) return;
    process.stdout.write(said(waiting.toString("utf8", 4, 4 + length)).join("; ") + "\n");
    waiting = waiting.subarray(4 + length);
  }
});
