import { expect, test } from "vitest";
import { readStatements, type Statement } from "./statements.ts";

const place = (line: number, column: number) => `Dockerfile:${line}:${column}`;

function read(text: string): readonly Statement[] {
  return readStatements(text, place).statements;
}

test("continuation lines are joined, comments and empty lines between them left out", () => {
  const text = "# head\n\n  RUN one \\\n# comment\n   two \\\n\n\tthree\nRUN four\n";
  const [first, second, ...more] = read(text);
  expect(first?.line.text).toBe("RUN one    two \tthree");
  expect(first).toMatchObject({ emptyContinuation: 6, comments: ["head"] });
  expect(second?.line.text).toBe("RUN four");
  expect(more).toEqual([]);
});

test("every character of a joined line knows where it stood", () => {
  const [statement] = read("  RUN one \\\n   two\n");
  const { text, where } = statement!.line;
  expect(where(text.indexOf("RUN"))).toBe("Dockerfile:1:3");
  expect(where(text.indexOf("one"))).toBe("Dockerfile:1:7");
  expect(where(text.indexOf("two"))).toBe("Dockerfile:2:4");
});

test("an escaped escape does not continue a line, and a directive chooses another", () => {
  expect(read("RUN a \\\\\nRUN b\n").map(({ line }) => line.text)).toEqual(["RUN a \\\\", "RUN b"]);
  expect(read("# escape=`\nRUN a `\n b \\\n").map(({ line }) => line.text)).toEqual(["RUN a  b \\"]);
});

test("line ends of Windows and a byte order mark do not count", () => {
  expect(read("\uFEFF# escape=`\r\nRUN a `\r\n b\r\n").map(({ line }) => line.text)).toEqual(["RUN a  b"]);
});

test("flags come off with their quotes, up to the first word or a lone --", () => {
  const [statement] = read('COPY --chown="a b" --x=\\ y -- --z w\n');
  expect(statement!.flags.map((flag) => flag.text)).toEqual(["--chown=a b", "--x= y"]);
  expect(statement!.rest.text).toBe("--z w");
  expect(statement!.line.where(statement!.flags[1]!.at)).toBe("Dockerfile:1:20");
});

test("heredocs follow their line in order", () => {
  const [statement, next] = read("RUN cat <<A <<-'B C' 3<<\"D\"\na $x\nA\n\tb\n\tB C\nD\nRUN x\n");
  expect(statement?.heredocs).toEqual([
    { name: "A", isExpanded: true, dropsTabs: false, body: "a $x\n" },
    { name: "B C", isExpanded: false, dropsTabs: true, body: "\tb\n" },
    { name: "D", isExpanded: false, dropsTabs: false, body: "" },
  ]);
  expect(next?.line.text).toBe("RUN x");
});

test.for([
  ["ENV A=<<EOF", 0],
  ["RUN echo '<<EOF'", 0],
  ["RUN echo 1<<2", 1],
  ['RUN ["cat", "<<EOF"]', 0],
  ["ONBUILD COPY <<EOF /x", 1],
  ["ONBUILD ENV A=<<EOF", 0],
] as const)("%s has %d heredocs", ([line, count]) => {
  const end = count === 0 ? "" : "EOF\n2\n";
  expect(read(`${line}\n${end}`)[0]?.heredocs.length).toBe(count);
});

test.for([
  ["RUN x\nRUN <<EOF\nbody\n", 'Dockerfile:2:1: no line "EOF" ends the heredoc'],
  ["# escape=x\nRUN y\n", 'Dockerfile:1:1: not an escape character: "x"'],
  ["# escape=`\n# escape=`\n", "Dockerfile:2:1: the directive escape stands twice"],
] as const)("%j is refused", ([text, message]) => {
  expect(() => read(text)).toThrow(expect.objectContaining({ code: "DOCKERFILE_SYNTAX", message }));
});
