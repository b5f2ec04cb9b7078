"""Finds names in the environment that are nearly one of a setting's, and so have no effect.

    TARGET_ADRESS, TARGETADDRESS, target_address, TARGET-ADDRESS      misspelt
    WSAAS_TARGET_ADDRESS                                              ours, behind a prefix that it does not have
    TARGET_KEY_FILE                                                   only a secret can be in a file of another name

An environment is full of other programs' names. One that merely resembles a setting of ours must not be warned of:
a word of three letters or less that differs is another word (API_URL is not API_URI), and so are those in `_OTHERS`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

PREFIX = "WSAAS_"
FILE = "_FILE"
_ONE_MISTAKE, _TWO_MISTAKES = 7, 12
"""How long a name of ours must be, in characters, for so many mistakes in it to leave it recognizable."""

# What other programs are known to look for. Each is at most two letters away from a name of ours.
_OTHERS = frozenset("LOGLEVEL LOG_LEVELS HTTPS_PORT WSS_PORT HTTP_POST STATS_DIR TARGET_CPU".split())
# The address of a service, as Kubernetes and Docker's links put it there: a service `wsaas-ws` makes WSAAS_WS_PORT.
_OF_A_SERVICE = re.compile(r"(?:tcp|udp|sctp)://")


def near_misses(environ: Mapping[str, str], known: Collection[str], given: Collection[str]) -> Iterator[str]:
    """Give one line for each name in the environment that is nearly one of `known`.

    `given` are the settings that somebody has set under their right name: the same behind our prefix is then somebody's
    own variable, such as one that a compose file takes the value from.
    """
    names = _Names(known)
    for name, value in environ.items():
        if name in known or name in _OTHERS or not value.strip() or _OF_A_SERVICE.match(value):
            continue
        upper = name.upper().replace("-", "_").replace(".", "_")
        if upper.startswith(PREFIX):
            right = names.nearest(upper.removeprefix(PREFIX))
            if right and right.removesuffix(FILE) not in given:
                yield f"{name} is no setting and has no effect: the name is {right}, without {PREFIX}"
        elif right := names.nearest(upper) if name.isupper() else names.same(upper):
            yield f"{name} is no setting and has no effect: did you mean {right}?"


class _Names:
    """The names that settings have, to find the one that was meant."""

    def __init__(self, known: Collection[str]) -> None:
        self._same = {right + FILE: right for right in known} | {_letters(right): right for right in known}
        self._characters = [(right, frozenset(right)) for right in known]

    def nearest(self, name: str) -> str | None:
        """Find the name that was meant, if it is clear enough."""
        found = self.same(name)
        if found is None:
            characters = frozenset(name)
            for right, its in self._characters:
                # A mistake brings one character in and takes one out at most: most names are out of question here.
                if len(characters ^ its) <= 2 * _mistakes(right) and _is_misspelt(name, right):
                    return right
        return found

    def same(self, name: str) -> str | None:
        """Find the name that differs only by underscores, by one thing for several, or by _FILE at the end."""
        return self._same.get(_letters(name)) or self._same.get(name)


def _letters(name: str) -> str:
    """Give the name with its words in the singular, without underscores: TRUSTEDPROXY of TRUSTED_PROXIES."""
    return "".join(re.sub("(?<=..[^S])S$", "", re.sub("IES$", "Y", word)) for word in name.split("_"))


def _mistakes(right: str) -> int:
    """Tell how many mistakes there may be in a name for it to be recognized."""
    return 2 if len(right) >= _TWO_MISTAKES else 1 if len(right) >= _ONE_MISTAKE else 0


def _is_misspelt(name: str, right: str) -> bool:
    """Tell whether the name is, but for a mistake or two, the right one, and its short words are exactly."""
    if abs(len(name) - len(right)) > _mistakes(right):
        return False
    words, right_words = name.split("_"), right.split("_")
    if len(words) == len(right_words):
        for one, other in zip(words, right_words, strict=True):
            if one != other and min(len(one), len(other)) < 4 and sorted(one) != sorted(other):
                return False
    return distance(name, right) <= _mistakes(right)


def distance(one: str, other: str) -> int:
    """Count the mistakes between two words: a letter too many, too few, another one, or two that changed places.

    (Optimal string alignment.) What both begin and end with is not looked at.
    """
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, its in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != its))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == its:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
