import { expect, test } from "vitest";
import { screenOf } from "../../scripts/picture/screen.ts";
import { svgOf } from "../../scripts/picture/svg.ts";

function textOf(output: string, columns = 20): string[] {
  return screenOf(output, columns).map((line) => line.map((run) => run.text).join(""));
}

test("a live region that was redrawn and erased leaves only what came after", () => {
  const up = "\u001b[1A";
  const eraseLine = "\u001b[2K";
  expect(textOf(`kept\r\none\r\ntwo${eraseLine}${up}${eraseLine}\u001b[Gafter`)).toEqual([
    "kept",
    "after",
    "",
  ]);
  expect(textOf(`one\r\ntwo${up}\u001b[G\u001b[0Jlast`)).toEqual(["last"]);
});

test("a line wraps at the right edge, and writing over replaces cells", () => {
  expect(textOf("abcdef\rX", 4)).toEqual(["abcd", "Xf"]);
});

test("titles, cursor visibility and unknown sequences show nothing", () => {
  expect(textOf("\u001b]0;title\u0007\u001b[?25l\u001b[?2026hx\u001b(B\u001b[?25h")).toEqual(["xB"]);
});

test("colours, bold and dim become runs", () => {
  expect(screenOf("\u001b[32mok\u001b[39m \u001b[1mb\u001b[2md\u001b[22mn", 20)[0]).toEqual([
    { text: "ok", style: { color: "green", isBold: false, isDim: false } },
    { text: " ", style: { isBold: false, isDim: false } },
    { text: "b", style: { isBold: true, isDim: false } },
    { text: "d", style: { isBold: true, isDim: true } },
    { text: "n", style: { isBold: false, isDim: false } },
  ]);
});

test("text is escaped, and each run stands in its column", () => {
  const svg = svgOf(screenOf("  \u001b[31m<a & b>\u001b[39m", 20), 20, "<title>");
  expect(svg).toContain("<title>&lt;title&gt;</title>");
  expect(svg).toContain(
    '<text x="34.8" y="49.2" textLength="58.8" fill="#ff6b6b">&lt;a\u00a0&amp;\u00a0b&gt;</text>',
  );
});
