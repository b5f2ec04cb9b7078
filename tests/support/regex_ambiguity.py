"""Finds in a regular expression what can make its time grow faster than its input.

A backtracking matcher is slow only where it has a choice: where one character lets a repetition go on and lets it stop,
or lets two alternatives in a repetition begin. `ambiguities` lists such places. A pattern without one, matched at one
place (`match`, `fullmatch`), looks at each character a bounded number of times.

Not for patterns that refer back, and stricter than need be: what it lists may still be linear.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_ops: Any = re._constants  # type: ignore[attr-defined]
_parse: Any = re._parser.parse  # type: ignore[attr-defined]

Characters = frozenset[int]
BEYOND = 256
"""Stands for every character over 255."""
ALL: Characters = frozenset(range(BEYOND + 1))
MANY = 20
"""A repetition up to more than this counts as one without end."""

_ONE = (_ops.LITERAL, _ops.NOT_LITERAL, _ops.ANY, _ops.IN, _ops.CATEGORY)
_CATEGORIES = {
    _ops.CATEGORY_DIGIT: r"\d",
    _ops.CATEGORY_SPACE: r"\s",
    _ops.CATEGORY_WORD: r"\w",
    _ops.CATEGORY_NOT_DIGIT: r"\D",
    _ops.CATEGORY_NOT_SPACE: r"\S",
    _ops.CATEGORY_NOT_WORD: r"\W",
}


def ambiguities(pattern: str | bytes, flags: int = 0) -> list[str]:
    """The places of a pattern where a character does not decide how a match goes on."""
    walk = _Walk()
    walk.sequence(_parse(pattern, flags), frozenset(), looping=False)
    return walk.found


def fails_soon(pattern: str | bytes) -> bool:
    """Return whether searching a pattern everywhere is linear: a search fails after few characters, because a match is
    short or is a run of one kind of character.
    """
    parts = _parse(pattern)
    run = (
        len(parts) == 1 and parts[0][0] is _ops.MAX_REPEAT and len(parts[0][1][2]) == 1 and parts[0][1][2][0][0] in _ONE
    )
    return bool(run or parts.getwidth()[1] <= MANY)


class _Walk:
    """Goes through a pattern from its end, knowing which characters may follow each part."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def sequence(self, parts: Iterable[Any], after: Characters, looping: bool) -> Characters:
        """The characters with which the parts, and what is after them, can begin."""
        for operation, argument in reversed(list(parts)):
            after = self._part(operation, argument, after, looping)
        return after

    def _part(self, operation: Any, argument: Any, after: Characters, looping: bool) -> Characters:
        if operation in _ONE:
            return _characters(operation, argument)
        if operation is _ops.SUBPATTERN:
            return self.sequence(argument[-1], after, looping)
        if operation is _ops.ATOMIC_GROUP:  # what it matched it does not give back
            begin = self.sequence(argument, frozenset(), looping)
            return begin | after if _nullable(argument) else begin
        if operation is _ops.BRANCH:
            return self._branch(argument[1], after, looping)
        if operation in (_ops.MAX_REPEAT, _ops.MIN_REPEAT, _ops.POSSESSIVE_REPEAT):
            return self._repeat(*argument, after, looping, operation is _ops.POSSESSIVE_REPEAT)
        if operation in (_ops.ASSERT, _ops.ASSERT_NOT):
            self.sequence(argument[1], frozenset(), looping)
            return after
        if operation is _ops.AT:
            return after
        raise NotImplementedError(operation)

    def _branch(self, alternatives: list[Any], after: Characters, looping: bool) -> Characters:
        seen: Characters = frozenset()
        for alternative in alternatives:
            begin = self.sequence(alternative, after, looping)
            if looping and seen & begin:
                self.found.append(f"two alternatives in a repetition begin with {_shown(seen & begin)}")
            seen |= begin
        return seen

    def _repeat(
        self, least: int, most: Any, part: Any, after: Characters, looping: bool, possessive: bool
    ) -> Characters:
        endless = most is _ops.MAXREPEAT or most > MANY
        begin, nullable = _Walk().sequence(part, frozenset(), False), _nullable(part)
        if endless and nullable:
            self.found.append("an endless repetition of what may be empty")
        if (endless or looping) and not possessive and least != most and begin & after:
            self.found.append(f"a repetition may go on or stop at {_shown(begin & after)}")
        self.sequence(part, begin | after if most is _ops.MAXREPEAT or most > 1 else after, looping or endless)
        return begin | after if least == 0 or nullable else begin


def _nullable(part: Iterable[Any]) -> bool:
    end = -1  # which is no character
    return end in _Walk().sequence(part, frozenset((end,)), False)


def _characters(operation: Any, argument: Any) -> Characters:
    if operation is _ops.LITERAL:
        return frozenset((min(argument, BEYOND),))
    if operation is _ops.NOT_LITERAL:
        return ALL - {argument}
    if operation is _ops.ANY:
        return ALL - {10}
    if operation is _ops.CATEGORY:
        return frozenset(code for code in range(BEYOND) if re.match(_CATEGORIES[argument], chr(code))) | {BEYOND}
    negated = argument[0][0] is _ops.NEGATE
    found: set[int] = set()
    for kind, value in argument[negated:]:
        if kind is _ops.RANGE:
            found |= {min(code, BEYOND) for code in range(value[0], min(value[1], BEYOND) + 1)}
        else:
            found |= _characters(kind, value)
    return ALL - found if negated else frozenset(found)


def _shown(characters: Characters) -> str:
    return "".join(map(chr, sorted(characters)[:5])).encode("unicode_escape").decode()
