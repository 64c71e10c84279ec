#!/usr/bin/env node
// Old syntax on purpose: a Node that cannot run cambium must still be able to read this file and say so.
// ES modules have no __dirname, hence the relative import; it is dynamic, so it is resolved only when we get there.
var version = process.versions.node.split(".").map(Number);
var isEnough = version[0] >= 24 || (version[0] === 22 && version[1] >= 18);
if (isEnough) {
  import("../dist/cli.js").catch((error) => {
    console.error("error[BROKEN_INSTALL]: " + error.message);
    console.error("hint: Install the cambium package again.");
    process.exit(3);
  });
} else {
  console.error(
    "error[NODE_TOO_OLD]: cambium needs Node 22.18 or later of 22, or 24 and up; this is " +
      process.versions.node,
  );
  console.error("hint: Run it with a newer Node, such as the current LTS.");
  process.exit(3);
}
