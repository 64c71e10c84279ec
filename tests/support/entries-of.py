"""Every entry below a folder in order, a JSON list each: path, type, mode, owner, content, name of the file it is a hard link to, xattrs.

Content is a file's digest and whole seconds, a link's target, a device's numbers. A directory's time changes with what
is put into it, so it is left out.
"""

import hashlib
import json
import os
import stat
import sys

root = sys.argv[1]
paths = sorted(
    os.path.relpath(os.path.join(folder, name), root)
    for folder, directories, files in os.walk(root)
    for name in directories + files
)
first = {}
for path in paths:
    full = os.path.join(root, path)
    status = os.lstat(full)
    kind = stat.S_IFMT(status.st_mode)
    content = ""
    if kind == stat.S_IFREG:
        with open(full, "rb") as file:
            content = f"{hashlib.sha256(file.read()).hexdigest()} {int(status.st_mtime)}"
    elif kind == stat.S_IFLNK:
        content = os.readlink(full)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        content = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    twin = path if kind == stat.S_IFDIR else first.setdefault(status.st_ino, path)
    xattrs = {
        name: os.getxattr(full, name, follow_symlinks=False).hex()
        for name in sorted(os.listxattr(full, follow_symlinks=False))
        if name.startswith("user.") or name == "security.capability"
    }
    mode = f"{stat.filemode(status.st_mode)[0]} {stat.S_IMODE(status.st_mode):o}"
    owner = f"{status.st_uid}:{status.st_gid}"
    print(json.dumps([path, mode, owner, content, "" if twin == path else twin, xattrs]))
