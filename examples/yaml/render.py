"""Renders the pages in $PAGES to HTML and prints them."""

import os
from pathlib import Path

import markdown

for page in sorted(Path(os.environ["PAGES"]).glob("*.md")):
    print(f"<!-- {page.name}, as uid {os.getuid()} -->")
    print(markdown.markdown(page.read_text(), extensions=["fenced_code", "codehilite"]))
