import { expect, test } from "vitest";
import { aptSources } from "./apt-sources.ts";

const mirrors = {
  debian: ["http://one.example/debian", "http://two.example"],
  "debian-security": ["http://one.example/debian-security"],
};

test("sources name lists, and only the lists name mirrors, in their order", () => {
  const [sources, ...lists] = aptSources("trixie", mirrors, "/usr/share/keyrings/k.pgp");
  expect(sources).toEqual({
    path: "/etc/apt/sources.list.d/lent.sources",
    text: `Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/k.pgp

Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian-security.list
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/k.pgp
`,
  });
  expect(lists).toEqual([
    {
      path: "/etc/apt/mirrors/debian.list",
      text: "http://one.example/debian\tpriority:1\nhttp://two.example\tpriority:2\n",
    },
    {
      path: "/etc/apt/mirrors/debian-security.list",
      text: "http://one.example/debian-security\tpriority:1\n",
    },
  ]);
  expect(aptSources("trixie", mirrors, undefined)[0]?.text).not.toContain("Signed-By");
});

test("of a release that is not known there are none", () => {
  expect(aptSources("sid", mirrors, undefined)).toEqual([]);
});
