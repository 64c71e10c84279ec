import { usageError } from "../../../errors.ts";
import { emptyLayer, type IndexLayer } from "../index/index-layer.ts";
import { layerFromTable } from "../index/uv-settings.ts";
import { checkedRequiresPython, readSpecifiers } from "./specifier-lists.ts";
import { parseTomlFile, tableIn } from "./toml-fields.ts";
import type { Wanted } from "./wanted.ts";

export type ScriptMetadata = { readonly wanted: Wanted; readonly layer: IndexLayer };

/**
 * The inline metadata of a script (PEP 723, packaging.python.org "inline script metadata"), or nothing when it has none.
 * `where` is the script as the user knows it; messages have its lines. `directory` is its own, absolute.
 * @throws CambiumError (exit 2) `SCRIPT_METADATA` for several blocks; `SETTINGS_SYNTAX`, `SETTING_TYPE`, and as
 * `readRequirement`.
 */
export function readScriptMetadata(
  text: string,
  where: string,
  directory: string,
): ScriptMetadata | undefined {
  const toml = scriptBlock(text, where);
  if (toml === undefined) return undefined;
  const table = parseTomlFile(toml, where);
  const tool = tableIn(table, "tool");
  const uv = tool === undefined ? undefined : tableIn(tool, "uv");
  const layer = uv === undefined ? emptyLayer() : layerFromTable(uv, directory);
  const credentials = [...layer.credentials];
  const requirements = readSpecifiers(table, "dependencies", { directory, credentials, sources: uv });
  const requiresPython = checkedRequiresPython(table);
  return {
    wanted: {
      requirements,
      constraints: [],
      overrides: [],
      ...(requiresPython === undefined ? {} : { requiresPython }),
    },
    layer: { ...layer, credentials },
  };
}

/** The TOML of the `script` block, with empty lines before it so that lines in messages are the script's. */
function scriptBlock(text: string, where: string): string | undefined {
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  const found: string[] = [];
  for (let index = 0; index < lines.length; index += 1) {
    const type = /^# \/\/\/ ([a-zA-Z0-9-]+)$/.exec(lines[index]!)?.[1];
    if (type === undefined) continue;
    let end = index;
    let last = index;
    // The block ends at the last "# ///" of the run of comment lines: TOML in it may have such a line too.
    while (end + 1 < lines.length && /^#(?: .*)?$/.test(lines[end + 1]!)) {
      end += 1;
      if (lines[end] === "# ///") last = end;
    }
    if (last === index) continue;
    if (type === "script") {
      const body = lines.slice(index + 1, last).map((line) => line.replace(/^# ?/, ""));
      found.push(`${"\n".repeat(index + 1)}${body.join("\n")}\n`);
    }
    index = last;
  }
  if (found.length <= 1) return found[0];
  throw usageError(
    "SCRIPT_METADATA",
    `${where}: ${found.length} blocks of script metadata; there may be one`,
    "Merge them into one block between # /// script and # ///.",
  );
}
