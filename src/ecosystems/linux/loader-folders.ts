/** What reading ld.so.conf takes of a file tree; paths without a leading slash. */
export type ConfigFiles = {
  read(path: string): Uint8Array | undefined;
  /** Names directly in a folder, sorted. */
  list(folder: string): readonly string[];
};

/**
 * The folders that /etc/ld.so.conf names, in its order: absolute, as written. Each file counts once, whatever includes
 * it. (ldconfig(8))
 */
export function configuredFolders(files: ConfigFiles): string[] {
  const seen = new Set<string>();
  const visit = (path: string): string[] => {
    const bytes = seen.has(path) ? undefined : files.read(path);
    seen.add(path);
    if (bytes === undefined) return [];
    const folders: string[] = [];
    for (const raw of Buffer.from(bytes).toString("utf8").split("\n")) {
      const line = raw.replace(/#.*/, "").trim();
      const pattern = /^include\s+(\S+)$/.exec(line)?.[1];
      if (pattern !== undefined) {
        for (const included of matching(files, pattern)) folders.push(...visit(included));
      } else if (line.startsWith("/")) {
        folders.push(line.replace(/\/+$/, ""));
      }
    }
    return folders;
  };
  return visit("etc/ld.so.conf");
}

/** Files for an include: the only pattern in use is one `*` in the last part. */
function matching(files: ConfigFiles, pattern: string): string[] {
  const path = pattern.replace(/^\/+/, "");
  const slash = path.lastIndexOf("/");
  const [before, after, ...more] = path.slice(slash + 1).split("*");
  if (before === undefined || after === undefined || more.length > 0) return [path];
  const folder = path.slice(0, slash);
  return files
    .list(folder)
    .filter((name) => !name.startsWith("."))
    .filter((name) => name.length >= before.length + after.length)
    .filter((name) => name.startsWith(before) && name.endsWith(after))
    .map((name) => `${folder}/${name}`);
}
