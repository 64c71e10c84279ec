import { z } from "zod";
import { specSchema } from "../../src/frontend/spec/schema.ts";

/** The part of JSON Schema that zod writes for ours. */
type JsonSchema = {
  readonly type?: string;
  readonly description?: string;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
};

function jsonSchema(): JsonSchema {
  return z.toJSONSchema(specSchema, { io: "input" }) as JsonSchema;
}

export function schemaJson(): string {
  return `${JSON.stringify({ title: "cambium.yaml", ...jsonSchema() }, undefined, 2)}\n`;
}

/** One section per key: what it takes, what it means, an example. */
export function yamlReference(): string {
  const properties = Object.entries(jsonSchema().properties ?? {});
  return `${[
    "# cambium.yaml",
    "",
    "Generated from the schema (`npm run generate`). The builder has a method of the same name for each key, and",
    "`[tool.cambium]` of a `pyproject.toml` takes those that are not about commands and stages. Editors check the file when",
    "it begins with `# yaml-language-server: $schema=…/cambium.schema.json`. Unknown keys are errors.",
    "",
    "| key | takes |",
    "|---|---|",
    ...properties.map(
      ([key, schema]) => `| [\`${key}\`](#${key.toLowerCase()}) | ${typeOf(schema).replaceAll("|", "\\|")} |`,
    ),
    ...properties.flatMap(([key, schema]) => section(key, schema)),
  ].join("\n")}\n`;
}

function section(key: string, schema: JsonSchema): string[] {
  const nested = objectsIn(schema).flatMap(({ properties = {}, required = [] }) =>
    Object.entries(properties).map(
      ([name, field]) =>
        `- \`${name}\` (${typeOf(field)}${required.includes(name) ? ", required" : ""})${field.description === undefined ? "" : `: ${field.description}`}`,
    ),
  );
  const lines = [...new Set(nested)];
  return [
    "",
    `## ${key}`,
    "",
    schema.description ?? "",
    ...(lines.length === 0 ? [] : ["", "As a mapping:", "", ...lines]),
    ...(schema.examples ?? []).flatMap((example) => ["", "```yaml", `${key}: ${flow(example)}`, "```"]),
  ];
}

function objectsIn(schema: JsonSchema): JsonSchema[] {
  if (schema.properties !== undefined) return [schema];
  return [...(schema.anyOf ?? []), ...(schema.items === undefined ? [] : [schema.items])].flatMap(objectsIn);
}

function typeOf(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(" or ");
  if (schema.type === "array") {
    const item = schema.items === undefined ? "anything" : typeOf(schema.items);
    return item.includes(" or ") ? `list of (${item})` : `list of ${item}`;
  }
  if (schema.type === "object")
    return schema.properties === undefined ? "mapping of names to values" : "mapping";
  const words: Readonly<Record<string, string>> = {
    string: "text",
    integer: "number",
    boolean: "true or false",
  };
  return words[schema.type ?? ""] ?? schema.type ?? "anything";
}

/** YAML's flow style, with quotes only where a value needs them. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, item]) => `${key}: ${flow(item)}`)
      .join(", ")} }`;
  }
  return typeof value === "string" && /^[A-Za-z/][\w./+-]*( [\w./-]+)*$/.test(value)
    ? value
    : JSON.stringify(value);
}
