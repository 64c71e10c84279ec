import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = globSync(["*.md", "docs/**/*.md", "examples/*/*.md"], { cwd: ROOT }).sort();
const text = (page: string): string => readFileSync(join(ROOT, page), "utf8");

/** As hosts of repositories make anchors of headings. */
function anchorsOf(page: string): string[] {
  return [...text(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.for(PAGES)("every link of %s leads to a file and a heading", (page) => {
  const broken = [...text(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
  expect(broken).toEqual([]);
});

/** Commands in code, whole lines or in running text, up to what a shell or a comment makes of the rest. */
function commandsOf(page: string): string[] {
  const code = [...text(page).matchAll(/```sh\n([\s\S]*?)```|`([^`\n]+)`/g)].flatMap(([, block, inline]) =>
    (block ?? inline ?? "").split("\n"),
  );
  return code.flatMap((line) => /(?:^|\$\(|\/|\s)(cambium [a-z][^#|)]*)/.exec(line)?.[1] ?? []);
}

const REFERENCE = text("docs/reference/cli.md");
const GUIDES = PAGES.filter((page) => page === "README.md" || /^(docs\/guide|examples)\//.test(page));

test.for(GUIDES)("every command quoted in %s exists, with its flags", (page) => {
  const unknown = commandsOf(page).flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const name = ["cache", "mount"].includes(words[1] ?? "")
      ? words.slice(0, 3).join(" ")
      : words.slice(0, 2).join(" ");
    const section = REFERENCE.split("\n## ").find((part) => part.startsWith(`${name}\n`));
    if (section === undefined) return [line];
    // What follows the path of `run` belongs to the program inside.
    const own = words[1] === "run" ? words.slice(0, words.indexOf(".") + 1 || words.length) : words;
    const flags = own.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ""));
    return flags
      .filter((flag) => !new RegExp(`^  (-\\w, )?${flag}[ ,]`, "m").test(section))
      .map((flag) => `${name} ${flag}`);
  });
  expect(unknown).toEqual([]);
});

/** Flags of git, of Python and of a Dockerfile's instructions that guides name. */
const OF_OTHERS = new Set(["--global", "--check-hash-based-pycs", "--from"]);

test("every flag that the guides name is a flag of some command", () => {
  const known = new Set([...REFERENCE.matchAll(/(?<=\s)--[a-z][a-z-]*/g)].map(([flag]) => flag));
  const named = PAGES.filter((page) => page.startsWith("docs/guide/")).flatMap((page) =>
    [...text(page).matchAll(/`[^`\n]*`/g)].flatMap(([code]) =>
      [...code.matchAll(/(?<=[\s`])--[a-z][a-z-]*/g)].map(([flag]) => flag),
    ),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter((flag) => !known.has(flag) && !OF_OTHERS.has(flag))).toEqual([]);
});
