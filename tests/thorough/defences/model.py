"""The model of a defence: the edits of the source that remove it, and its line of the threat table."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.claims.model import claims_of
from tests.support.pages import THREATS

PACKAGE = "tests.thorough.defences"


class DoesNotApply(Exception):
    """An edit whose `old` is not there, or more than once; or which leaves something that does not compile."""


@dataclass(frozen=True)
class Edit:
    """The code `old` becomes `new` in `file`, a path from the root of the checkout.

    `old` is found by its tokens, not by its text: line breaks, indentation and comments may change. It occurs exactly
    once. Only what lies within one string is found by its text.
    """

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The text after the edit; raises DoesNotApply."""
        places = find(self.old, text)
        if len(places) != 1:
            raise DoesNotApply(f"{self.file}: {self.old!r} is there {len(places) or 'no'} times")
        [(start, end)] = places
        head = self.old[: len(self.old) - len(self.old.lstrip())]
        tail = self.old[len(self.old.rstrip()) :]
        new = self.new.removeprefix(head)
        if tail:
            new = new.removesuffix(tail)
        return text[:start] + _shifted(new, head, text, start) + text[end:]


_TOKEN = re.compile(
    r"""\#[^\n]*
    | [A-Za-z]{0,2}(?:\"{3}.*?\"{3} | '{3}.*?'{3} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*')
    | \w+ | [^\w\s]""",
    re.VERBOSE | re.DOTALL,
)


def find(code: str, text: str) -> list[tuple[int, int]]:
    """Each place in `text` that has the tokens of `code`, as offsets of its beginning and end."""
    wanted = [token for token, _, _ in _tokens(code)]
    there = _tokens(text)
    places = []
    for at in range(len(there) - len(wanted) + 1):
        if wanted and there[at][0] == wanted[0]:
            if all(there[at + number][0] == token for number, token in enumerate(wanted)):
                places.append((there[at][1], there[at + len(wanted) - 1][2]))
    if not places and text.count(code) == 1:  # a part of a string
        places.append((text.index(code), text.index(code) + len(code)))
    return places


def _tokens(text: str) -> list[tuple[str, int, int]]:
    """The tokens of Python, or of a part of it, with their offsets; comments are none."""
    return [(each[0], *each.span()) for each in _TOKEN.finditer(text) if not each[0].startswith("#")]


def _shifted(new: str, head: str, text: str, start: int) -> str:
    """The lines after the first, as far to the right or left as the code that they stand for is now."""
    there = len(text[text.rfind("\n", 0, start) + 1 : start])
    was = len(head.rpartition("\n")[2])
    if not head or text[start - there : start].strip() or there == was:
        return new
    first, *others = new.split("\n")
    moved = (
        " " * (len(line) - len(line.lstrip()) + there - was) + line.lstrip() if line.strip() else line
        for line in others
    )
    return "\n".join([first, *moved])


@dataclass(frozen=True)
class Defence:
    """One mechanism: with the edits done it is gone.

    `attack` is the beginning of its line's text. At least one of the tests that the line names must then fail; if
    `tests` names some of these, no others are run, and each of them must.
    """

    attack: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...] = ()

    def mutated(self, root: Path) -> dict[str, str]:
        """The edited files by their paths from the root; raises DoesNotApply."""
        texts: dict[str, str] = {}
        for edit in self.edits:
            text = texts[edit.file] if edit.file in texts else (root / edit.file).read_text()
            texts[edit.file] = edit.apply(text)
        for file, text in texts.items():
            try:
                compile(text, file, "exec", dont_inherit=True)
            except SyntaxError as error:
                raise DoesNotApply(f"{file}: {error}") from None
        return texts

    def __str__(self) -> str:
        """The mutation in one line."""
        edit = self.edits[0]
        new = " ".join(edit.new.split()) or "nothing"
        return f"{edit.file}: {' '.join(edit.old.split())[:70]} -> {new[:70]}" + (" ..." if self.edits[1:] else "")


def without(attack: str, file: str, old: str, new: str = "", *tests: str) -> Defence:
    """A defence that one edit takes away."""
    return Defence(attack, (Edit(file, old, new),), tests)


@dataclass(frozen=True)
class Row:
    """A line of a threat table. The tests are modules of tests/, without that prefix."""

    table: str
    attack: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A line, and all that is said to defend it."""

    row: Row
    defences: tuple[Defence, ...]


def rows() -> list[Row]:
    """The lines of all tables."""
    lines = claims_of("security").items()
    return [Row(table, attack, tuple(tests)) for table, its in lines for attack, tests in its.items()]


def known() -> Iterator[tuple[str, list[Defence]]]:
    """The tables that have a module here, and what it lists."""
    for table in THREATS:
        if importlib.util.find_spec(f"{PACKAGE}.{table}") is not None:
            yield table, importlib.import_module(f"{PACKAGE}.{table}").DEFENCES


def claims(lines: Iterable[Row], listed: Iterable[tuple[str, list[Defence]]]) -> list[Claim]:
    """Each line with its defences. Raises ValueError for a defence that belongs to no line, or to several."""
    lines = list(lines)
    found: dict[Row, list[Defence]] = defaultdict(list)
    for table, defences in listed:
        for defence in defences:
            meant = [row for row in lines if row.table == table and row.attack.startswith(defence.attack)]
            if len(meant) != 1:
                raise ValueError(f"{len(meant)} lines of {table} begin with {defence.attack!r}")
            [row] = meant
            if strangers := set(defence.tests) - set(row.tests):
                raise ValueError(f"{row.attack}: the line does not name {', '.join(sorted(strangers))}")
            found[row].append(defence)
    return [Claim(row, tuple(found[row])) for row in lines]
