"""reStructuredText for what the generated parts of pages have in common."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

WIDTH = 110


def escaped(text: str) -> str:
    """Return plain text such that nothing in it is markup."""
    return re.sub(r"([\\*`|@]|(?<=\w)_(?!\w))", r"\\\1", text)


def with_code(text: str) -> str:
    """Return plain text as markup, with paths, placeholders, parameters and names with an underscore as code."""
    words = []
    for word in text.split():
        bare = word.strip(".,;:()")
        coded = bare and re.fullmatch(r"[?&/].*[\w{}].*|\{.*\}.*|[a-z]+(_[a-z]+)+|WSAAS-\w+(: \w+)?", bare)
        words.append(word.replace(bare, f"``{bare}``", 1) if coded else escaped(word))
    return " ".join(words)


def heading(text: str, rule: str) -> list[str]:
    return ["", text, rule * len(text), ""]


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def table(
    head: list[str], widths: list[int], rows: Iterable[list[str]], caption: str = "", name: str = ""
) -> list[str]:
    """Return a list-table with a header, unless that is empty."""
    lines = ["", f".. list-table:: {caption}".rstrip(), f"   :widths: {' '.join(map(str, widths))}"]
    lines += ["   :header-rows: 1"] if head else []
    lines += [f"   :name: {name}"] if name else []
    lines += [""]
    for row in [head, *rows] if head else rows:
        for number, cell in enumerate(row):
            mark = "   * - " if number == 0 else "     - "
            first, *rest = cell.split("\n")
            lines += [mark + first, *(f"       {line}".rstrip() for line in rest)]
    return [*lines, ""]
