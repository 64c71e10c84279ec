import type { ImageDescription, LayerDescription, PlatformImageDescription } from "../actions/results.ts";
import { formatBytes, formatCount, shortDigest } from "../report/format.ts";
import { pad, printable } from "../report/printable.ts";
import type { Style } from "../report/style.ts";
import { packageLines } from "./package-lines.ts";

/** An image as people read it: per platform its layers from the lowest up, then its config. */
export function imageLines(image: ImageDescription, style: Style): string[] {
  return [
    `${printable(image.source)} ${image.digest}`,
    ...image.images.flatMap((one) => ["", ...platformLines(one, style)]),
  ];
}

function platformLines(image: PlatformImageDescription, style: Style): string[] {
  const size = `${formatBytes(image.sizeBytes)} in ${formatCount(image.layers.length, "layer")}`;
  return [
    `${style.bold(printable(image.platform))} ${image.digest} ${style.dim(size)}`,
    ...image.layers.flatMap((layer, at) => layerLines(layer, at, style)),
    ...configLines(image, style),
  ];
}

function layerLines(layer: LayerDescription, at: number, style: Style): string[] {
  const entries = layer.entries === undefined ? "" : formatCount(layer.entries, "entry", "entries");
  const name = pad(printable(layer.name ?? "layer"), 36);
  const size = formatBytes(layer.sizeBytes).padStart(9);
  const head = `  ${String(at + 1).padStart(3)}  ${shortDigest(layer.digest)} ${name} ${style.dim(entries.padStart(14))} ${size}`;
  return [head, ...packageLines(layer.packages, style)];
}

function configLines(image: PlatformImageDescription, style: Style): string[] {
  const { config } = image;
  const labels = Object.entries(config.labels).map(([name, value]) => `${name}=${value}`);
  const rows: [string, readonly string[]][] = [
    ["created", present(config.created)],
    ["entrypoint", config.entrypoint.length === 0 ? [] : [JSON.stringify(config.entrypoint)]],
    ["cmd", config.cmd.length === 0 ? [] : [JSON.stringify(config.cmd)]],
    ["workdir", present(config.workdir)],
    ["user", present(config.user)],
    ["expose", config.exposedPorts],
    ["volume", config.volumes],
    ["env", config.env],
    ["label", labels],
  ];
  return rows.flatMap(([name, values]) =>
    values.map((value) => `  ${style.dim(name.padEnd(10))} ${printable(value)}`),
  );
}

function present(value: string | undefined): string[] {
  return value === undefined || value === "" ? [] : [value];
}
