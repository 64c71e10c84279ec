"""Runs a command on a pseudo-terminal: on-terminal.py SECONDS AFTER INPUT -- COMMAND...

Once it has written AFTER and then a prompt, it is given INPUT. Prints all that it wrote; ends with its exit code.
"""

import os
import pty
import re
import select
import signal
import sys
import time

seconds, after, given = float(sys.argv[1]), sys.argv[2].encode(), sys.argv[3].encode()
command = sys.argv[sys.argv.index("--") + 1 :]
pid, terminal = pty.fork()
if pid == 0:
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
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(written)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
