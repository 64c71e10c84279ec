import { digestOf } from "../../src/layer/digest.ts";

/** What BuildKit is to make of images: laid on each other, lowest first, or what the second changed against the first. */
export type Llb =
  | { readonly image: string }
  | { readonly merge: readonly Llb[] }
  | { readonly diff: readonly [lower: Llb, upper: Llb] };

/** A definition for BuildKit. (BuildKit, solver/pb/ops.proto) */
export function definitionOf(llb: Llb): Uint8Array {
  const ops = new Map<string, Uint8Array>();
  const result = opOf(llb, ops);
  // The result is the input of an op that does nothing.
  return Buffer.concat([...ops.values(), inputOf(result)].map((op) => message(1, op)));
}

/** The op, put behind those that it needs. */
function opOf(llb: Llb, ops: Map<string, Uint8Array>): Uint8Array {
  let op: Uint8Array;
  if ("image" in llb) {
    op = message(3, message(1, `docker-image://${llb.image}`));
  } else if ("merge" in llb) {
    const inputs = llb.merge.map((one) => inputOf(opOf(one, ops)));
    // MergeOp names its inputs by number.
    const numbers = inputs.map((_, number) => message(1, int(1, number)));
    op = Buffer.concat([...inputs, message(6, Buffer.concat(numbers))]);
  } else {
    const inputs = llb.diff.map((one) => inputOf(opOf(one, ops)));
    op = Buffer.concat([...inputs, message(7, [message(1, int(1, 0)), message(2, int(1, 1))])]);
  }
  ops.set(digestOf(op), op);
  return op;
}

/** Of an op: the output 0 of another. */
function inputOf(op: Uint8Array): Buffer {
  return message(1, message(1, digestOf(op)));
}

/** A small number as a field; 0 is not written. */
function int(field: number, value: number): Uint8Array {
  return value === 0 ? Buffer.alloc(0) : Buffer.from([field << 3, value]);
}

/** A length-delimited field of protobuf. */
function message(field: number, content: string | Uint8Array | readonly Uint8Array[]): Buffer {
  const bytes =
    typeof content === "string" || content instanceof Uint8Array
      ? Buffer.from(content)
      : Buffer.concat(content as readonly Uint8Array[]);
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
