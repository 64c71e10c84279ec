"""Prints the tree of a folder of the image, to a depth."""

import sys
from pathlib import Path

from rich.console import Console
from rich.tree import Tree


def grow(tree: Tree, folder: Path, depth: int) -> Tree:
    for path in sorted(folder.iterdir()) if depth > 0 else []:
        branch = tree.add(path.name)
        if path.is_dir() and not path.is_symlink():
            grow(branch, path, depth - 1)
    return tree


depth = int(sys.argv[1]) if len(sys.argv) > 1 else 1
Console().print(grow(Tree("/opt"), Path("/opt"), depth))
