/**
 * What the interpreter runs: it reads sources from its stdin and answers with their bytecode, and imports nothing but
 * itself. Numbers are little-endian, four bytes. First it says what it is (length, text `cpython-311 3.11.2`). Then for
 * each source (length of the path, length of the source, path in UTF-8, source) comes the file as py_compile writes it
 * with UNCHECKED_HASH (length, bytes; PEP 552), or the length 0xffffffff for what does not compile.
 *
 * A child compiles one source after the other, as compileall does. Where one takes too long or brings the compiler down,
 * the parent says so in its place and goes on with a new child. A child that somebody else killed ends all: nobody knows
 * what it was at.
 */
export const COMPILE_PROGRAM = `
import sys, marshal, posix, _signal as signal
from _imp import source_hash
from _frozen_importlib_external import MAGIC_NUMBER

SECONDS = float(sys.argv[1])
MOST = 64 << 20
NONE = b"\\xff\\xff\\xff\\xff"
HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little")
KEY = int.from_bytes(MAGIC_NUMBER, "little")
OWN = {signal.SIGPROF, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}
sys.path[:] = [folder for folder in sys.path if folder]

def read(count):
    parts = []
    while count > 0:
        part = posix.read(0, min(count, 1 << 20))
        if not part:
            posix._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)

def write(data):
    view = memoryview(data)
    while view:
        view = view[posix.write(1, view):]

def number():
    return int.from_bytes(read(4), "little")

def answer(data):
    write(NONE if len(data) > MOST else len(data).to_bytes(4, "little") + data)

def compiled(path, source):
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        code = compile(source, path, "exec", 0, True, 0)
        return HEADER + source_hash(KEY, source) + marshal.dumps(code)
    except Exception:
        return None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)

def serve():
    while True:
        lengths = number(), number()
        path, source = read(lengths[0]).decode("utf-8", "surrogateescape"), read(lengths[1])
        data = compiled(path, source)
        if data is None:
            write(NONE)
        else:
            answer(data)

answer((sys.implementation.cache_tag + " " + sys.version.split()[0]).encode())
while True:
    pid = posix.fork()
    if pid == 0:
        try:
            serve()
        finally:
            posix._exit(1)
    status = posix.waitpid(pid, 0)[1]
    if not posix.WIFSIGNALED(status) or posix.WTERMSIG(status) not in OWN:
        posix._exit(1 if status else 0)
    write(NONE)
`;
