import { z } from "zod";

/** Words that several keys take. */
export const text = z.string().min(1);
export const strings = z.union([text, z.array(text)]);
export const noNul = z.string().refine((value) => !value.includes("\0"), "must not contain NUL");

export const id = z.int().min(0).max(4_294_967_294);

export const stageName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/, "must be a stage's name: letters, digits, . _ -");

export const fromImage = text.meta({
  description: "Takes the files from this image of a registry; what its tag means is kept in the lock.",
});

export const owner = text.meta({
  description:
    "`user`, `user:group` or numbers. Default: root; of what comes from a stage or image, as it is there.",
});

export const mode = z
  .union([
    z.string().regex(/^(0o?)?[0-7]{3,4}$/, "must be octal digits, such as 0755"),
    z.int().min(0).max(0o7777),
  ])
  .meta({
    description: "Permission bits in octal, such as 0644. Directories get x wherever this has r.",
  });
const envName = z.string().regex(/^[^=\0]+$/, "must be a variable's name");
export const scalar = z.union([noNul, z.number(), z.boolean()]);
export const env = z.record(envName, scalar).meta({
  description: "Environment variables, taken as written: `1.10` stays `1.10`, `$NAME` is not expanded.",
  examples: [{ LOG_LEVEL: "info" }],
});
