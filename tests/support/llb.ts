import { digestOf } from "../../src/layer/digest.ts";

/** A definition whose result is images laid on each other, lowest first: BuildKit's MergeOp. (BuildKit, solver/pb/ops.proto) */
export function mergeOfImages(references: readonly string[]): Uint8Array {
  const sources = references.map((reference) => message(3, message(1, `docker-image://${reference}`)));
  // MergeOp names its inputs by number; 0 is not written.
  const numbers = sources.map((_, number) => message(1, number === 0 ? "" : Buffer.from([8, number])));
  const merge = Buffer.concat([...sources.map(inputOf), message(6, Buffer.concat(numbers))]);
  // The result is the input of an op that does nothing.
  return Buffer.concat([...sources, merge, inputOf(merge)].map((op) => message(1, op)));
}

/** Of an op: the output 0 of another. */
function inputOf(op: Uint8Array): Buffer {
  return message(1, message(1, digestOf(op)));
}

/** A length-delimited field of protobuf. */
function message(field: number, content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>= 7) {
    if (rest < 128) {
      length.push(rest);
      break;
    }
    length.push((rest & 127) | 128);
  }
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}
