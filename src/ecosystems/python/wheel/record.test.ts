import fc from "fast-check";
import { expect, test } from "vitest";
import { formatRecord, installedRows, parseRecord, recordRow } from "./record.ts";

test.each([
  ["LF", "a.py,sha256=x,1\nb.py,,\n"],
  ["CRLF", "a.py,sha256=x,1\r\nb.py,,\r\n"],
  ["no line end at its end", "a.py,sha256=x,1\nb.py,,"],
  ["blank lines", "\na.py,sha256=x,1\n\nb.py,,\n\n"],
  ["fields missing", "a.py,sha256=x,1\nb.py\n"],
  ["a field too many", "a.py,sha256=x,1,more\nb.py,,,\n"],
  ["needless quotes", '"a.py","sha256=x","1"\n"b.py",,\n'],
])("a RECORD with %s reads the same", (_, text) => {
  expect(parseRecord(text, "x: RECORD")).toEqual([
    { path: "a.py", digest: "sha256=x", size: "1" },
    { path: "b.py", digest: "", size: "" },
  ]);
});

test("quotes and commas in names survive", () => {
  expect(parseRecord('"a,""b"".py",,\n', "x: RECORD")).toEqual([{ path: 'a,"b".py', digest: "", size: "" }]);
});

test("a quote that never ends is refused", () => {
  expect(() => parseRecord('a.py,,\n"b.py,,\n', "x.whl: RECORD")).toThrow(
    expect.objectContaining({ code: "WHEEL_RECORD", message: "x.whl: RECORD: a quoted field does not end" }),
  );
});

test("rows are sorted by code points, quoted where needed, with CRLF, as pip writes them", () => {
  const rows = [
    "é.py",
    "b,c.py",
    "Z.py",
    "a/__init__.py",
    "../../../bin/x",
    "\u{1f600}.py",
    "\uffee.py",
    'q".py',
  ];
  expect(formatRecord(rows.map((path) => ({ path, digest: "", size: "" })))).toBe(
    [
      "../../../bin/x,,",
      "Z.py,,",
      "a/__init__.py,,",
      '"b,c.py",,',
      '"q"".py",,',
      "é.py,,",
      "\uffee.py,,",
      "\u{1f600}.py,,",
      "",
    ].join("\r\n"),
  );
});

test("whatever rows are written are read back", () => {
  const field = fc.string({ unit: "grapheme" }).filter((it) => !/[\r\n]/.test(it));
  const rows = fc.array(fc.record({ path: field.filter((it) => it !== ""), digest: field, size: field }));
  fc.assert(
    fc.property(rows, (written) => {
      const sorted = formatRecord(written);
      expect(parseRecord(sorted, "here")).toHaveLength(written.length);
      expect(formatRecord(parseRecord(sorted, "here"))).toBe(sorted);
    }),
  );
});

test("a row of content has its sha256 in URL-safe base64 without padding", () => {
  // `printf 'pip\n' | sha256sum`, as in every RECORD that pip writes.
  expect(recordRow("x/INSTALLER", Buffer.from("pip\n"))).toEqual({
    path: "x/INSTALLER",
    digest: "sha256=zuuue4knoyJ-UwPPXg8fezS7VCrXJQrAP7zeNuwvFQg",
    size: "4",
  });
});

test("the wheel's digests are taken over but for changed files, and unnamed members follow without digest", () => {
  const rows = installedRows(parseRecord("a.py,old,1\nx.data/scripts/s,old,2\ngone.py,old,3\n", "here"), {
    members: new Map([
      ["a.py", "a.py"],
      ["x.data/scripts/s", "../../../bin/s"],
      ["x.dist-info/RECORD.jws", "x.dist-info/RECORD.jws"],
    ]),
    changed: new Map([["../../../bin/s", { path: "../../../bin/s", digest: "new", size: "9" }]]),
    generated: [{ path: "x.dist-info/INSTALLER", digest: "d", size: "8" }],
  });
  expect(rows).toEqual([
    { path: "a.py", digest: "old", size: "1" },
    { path: "../../../bin/s", digest: "new", size: "9" },
    { path: "gone.py", digest: "old", size: "3" },
    { path: "x.dist-info/INSTALLER", digest: "d", size: "8" },
    { path: "x.dist-info/RECORD.jws", digest: "", size: "" },
  ]);
});
