/** Signals of Linux by name; a Dockerfile may put SIG before them, in any case. */
const NAMES: readonly string[] = [
  ..."ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS".split(
    " ",
  ),
  ..."TERM TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX".split(" "),
  ...Array.from({ length: 15 }, (_, index) => `RTMIN+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `RTMAX-${index + 1}`),
];

/** A signal's name, or any number but 0. */
export function isSignal(text: string): boolean {
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text) !== 0;
  return NAMES.includes(text.toUpperCase().replace(/^SIG/, ""));
}

export const SIGNAL_NAMES: readonly string[] = NAMES.map((name) => `SIG${name}`);
