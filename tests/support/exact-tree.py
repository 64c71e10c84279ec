"""Every entry below a folder in order, and the folder itself, a JSON list each, with all that a copy must keep.

Path, mode with type, owner, group, time in ns, content, first name of the same file, xattrs. Sockets are left out: they
cannot be copied. Owners are those of the user namespace that it runs in.
"""

import hashlib
import json
import os
import stat
import sys

root = os.fsencode(sys.argv[1])
paths = sorted(
    [b""]
    + [
        os.path.relpath(os.path.join(folder, name), root)
        for folder, directories, files in os.walk(root)
        for name in directories + files
    ]
)
first = {}
for path in paths:
    full = os.path.join(root, path) if path else root
    status = os.lstat(full)
    if stat.S_ISSOCK(status.st_mode):
        continue
    content = ""
    if stat.S_ISREG(status.st_mode):
        with open(full, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        content = os.fsencode(os.readlink(full)).hex()
    twin = path if stat.S_ISDIR(status.st_mode) else first.setdefault(status.st_ino, path)
    xattrs = {
        name: os.getxattr(full, name, follow_symlinks=False).hex()
        for name in sorted(os.listxattr(full, follow_symlinks=False))
    }
    owner = f"{status.st_uid}:{status.st_gid}"
    names = [ascii(path), oct(status.st_mode), owner, str(status.st_mtime_ns)]
    print(json.dumps([*names, content, ascii(twin), xattrs]))
