import ignore from "ignore";

/** The .gitignore of one directory; `directory` is relative to the context, "" for the root. */
export type GitIgnoreFile = { readonly directory: string; readonly rules: ignore.Ignore };

/** gitignore(5). Case counts, whatever `core.ignorecase` says on the machine. */
export function parseGitIgnore(text: string, directory: string): GitIgnoreFile {
  return { directory, rules: ignore({ ignorecase: false }).add(text.replace(/^\uFEFF/, "")) };
}

/**
 * Which .gitignore excludes `path`: the deepest one with an opinion decides. `files` goes from the root downwards.
 * Ask for parents first: git never looks below an ignored directory.
 */
export function ignoredByGit(
  files: readonly GitIgnoreFile[],
  path: string,
  isDirectory: boolean,
): string | undefined {
  for (let i = files.length - 1; i >= 0; i--) {
    const { directory, rules } = files[i]!;
    const relative = directory === "" ? path : path.slice(directory.length + 1);
    const answer = rules.test(isDirectory ? `${relative}/` : relative);
    if (answer.ignored) return directory === "" ? ".gitignore" : `${directory}/.gitignore`;
    if (answer.unignored) return undefined;
  }
  return undefined;
}
