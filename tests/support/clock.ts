/** Environment that lets a Node process, its threads too, see another time of day; `shiftSec` may be negative. */
export function clockShift(shiftSec: number): { readonly NODE_OPTIONS: string } {
  const code = `
    const real = Date, shift = ${shiftSec * 1000};
    globalThis.Date = class extends real {
      constructor(...args) { args.length === 0 ? super(real.now() + shift) : super(...args); }
      static now() { return real.now() + shift; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}
