import fc from "fast-check";
import type { HandMade } from "./layers.ts";

/** Mostly `a` and `b` are directories, `l` a link to one and the rest files, so that most stacks can be unpacked. */
const mostly = (usual: readonly string[], seldom: string) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constant(seldom) },
  );
const below = (leaf: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.array(mostly(["a", "b", "a", "b", "l"], "x"), { maxLength: 2 }), leaf)
    .map(([folders, name]) => [...folders, name].join("/"));
const filePath = below(mostly(["x", "y", "z"], "a"));
const directoryPath = below(mostly(["a", "b"], "l"));
const anyPath = fc.oneof(filePath, directoryPath, below(fc.constant("l")));
const member: fc.Arbitrary<HandMade> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ path: filePath, file: fc.constantFrom("", "x", "y") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      path: directoryPath,
      directory: fc.constant(true as const),
      mode: fc.constantFrom(0o755, 0o700),
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({
        path: below(mostly(["l"], "a")),
        target: fc.constantFrom("a", "b", "a/b", "b/a", "../a", "../b/a"),
      })
      // At the root `..` would be the folder of the test.
      .map(({ path: at, target }) => ({
        path: at,
        link: at.includes("/") ? target : target.replace("../", ""),
      })),
  },
  { weight: 1, arbitrary: fc.record({ path: filePath, hardlink: filePath }) },
);
/** Members of a layer, in the order that counts for us: engines differ when a whiteout follows what its own layer states. */
export const randomLayer: fc.Arbitrary<HandMade[]> = fc
  .record({
    members: fc.array(member, { minLength: 1, maxLength: 6 }),
    whiteouts: fc.array(anyPath, { maxLength: 2 }),
    opaques: fc.array(directoryPath, { maxLength: 1 }),
  })
  .map(({ members, whiteouts, opaques }): HandMade[] => {
    const directories = members.filter((one) => "directory" in one);
    const others = members.filter((one) => !("directory" in one));
    // No builder deletes below what its own layer deletes; whether that leaves the directory there, engines disagree.
    const isBelowDeleted = (path: string) => whiteouts.some((gone) => path.startsWith(`${gone}/`));
    return [
      ...directories,
      ...opaques
        .filter((one) => !isBelowDeleted(`${one}/`))
        .map((one) => ({ path: `${one}/.wh..wh..opq`, file: "" })),
      ...whiteouts
        .filter((one) => !isBelowDeleted(one))
        .sort()
        .map((one) => ({ path: one.replace(/([^/]+)$/, ".wh.$1"), file: "" })),
      ...others,
    ];
  });
