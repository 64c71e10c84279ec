"""Runs a command on a pseudo-terminal: on-terminal.py SECONDS AFTER INPUT [SIZE [RESIZE-AFTER SIZE]] -- COMMAND...

Once it has written AFTER and then a prompt, it is given INPUT. SIZE is ROWSxCOLUMNS, set before the command starts; once
it has written RESIZE-AFTER, the other one is. Prints all that it wrote; ends with its exit code.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time


def set_size(terminal, size):
    rows, columns = (int(number) for number in size.split("x"))
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


end = sys.argv.index("--")
seconds, after, given = float(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
size, resize_after, new_size = (sys.argv[4:end] + [None] * 3)[:3]
command = sys.argv[end + 1 :]
pid, terminal = pty.fork()
if pid == 0:
    if size is not None:
        set_size(0, size)
    os.execvp(command[0], command)
deadline = time.monotonic() + seconds
written = b""
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 1)
    if ready:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux says EIO when nobody has it open any more.
            break
        if not part:
            break
        written += part
    place = written.find(after)
    if given and place != -1 and re.search(rb"[#$] $", written[place + len(after) :]):
        os.write(terminal, given)
        given = b""
    if new_size is not None and resize_after.encode() in written:
        set_size(terminal, new_size)
        new_size = None
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(written)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
