"""Finds environment variables whose names are misspelt names of settings, and so have no effect.

    TARGET_ADRESS, TARGETADDRESS, target_address, TARGET-ADDRESS      misspelt
    WSAAS_TARGET_ADDRESS                                              the settings have no prefix
    TARGET_KEY_FILE                                                   only a secret can be given by a file

The environment holds other programs' variables, which must not be reported. A word of three letters or fewer must
therefore match exactly (API_URL is not API_URI), and names in `_OTHERS` are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

PREFIX = "WSAAS_"
FILE = "_FILE"
_ONE_MISTAKE, _TWO_MISTAKES = 7, 12
"""Minimum length, in characters, of a setting's name that is recognized with one mistake, and with two."""

# Variables of other programs, each at most two letters away from the name of a setting.
_OTHERS = frozenset("LOGLEVEL LOG_LEVELS HTTPS_PORT WSS_PORT HTTP_POST STATS_DIR TARGET_CPU WEBHOOK_PATH".split())
# The address of a service, set by Kubernetes and by Docker's links: a service `wsaas-ws` makes WSAAS_WS_PORT.
_OF_A_SERVICE = re.compile(r"(?:tcp|udp|sctp)://")


def near_misses(environ: Mapping[str, str], known: Collection[str], given: Mapping[str, str]) -> Iterator[str]:
    """Yield one line for each name in the environment that resembles one of `known`.

    `given` are the texts of the settings that are set under their right names. The same name with the prefix WSAAS_ is
    not reported if that text holds its value: it may be the variable from which a compose file takes the setting.
    """
    names = _Names(known)
    for name, value in environ.items():
        if name in known or name in _OTHERS or not value.strip() or _OF_A_SERVICE.match(value):
            continue
        upper = name.upper().replace("-", "_").replace(".", "_")
        if upper.startswith(PREFIX):
            right = names.nearest(upper.removeprefix(PREFIX))
            if right and value.strip() not in f"{environ.get(right)}\n{given.get(right.removesuffix(FILE))}":
                yield f"{name} is no setting and has no effect: the name is {right}, without {PREFIX}"
        elif right := names.nearest(upper) if name.isupper() else names.same(upper):
            yield f"{name} is no setting and has no effect: did you mean {right}?"


class _Names:
    """The names of settings, searched for the one that a misspelt name stands for."""

    def __init__(self, known: Collection[str]) -> None:
        self._same = {right + FILE: right for right in known} | {_letters(right): right for right in known}
        self._characters = [(right, frozenset(right)) for right in known]

    def nearest(self, name: str) -> str | None:
        """Return the name of the setting that `name` is a misspelling of, or None."""
        found = self.same(name)
        if found is None:
            characters = frozenset(name)
            for right, its in self._characters:
                # One mistake adds one character and removes one, at most: this cheap test rules most names out.
                if len(characters ^ its) <= 2 * _mistakes(right) and _is_misspelt(name, right):
                    return right
        return found

    def same(self, name: str) -> str | None:
        """Return the name that differs only in underscores, in the plural of its words, or by _FILE at the end."""
        return self._same.get(_letters(name)) or self._same.get(name)


def _letters(name: str) -> str:
    """Return the name without underscores, its words in the singular: TRUSTEDPROXY for TRUSTED_PROXIES."""
    return "".join(re.sub("(?<=..[^S])S$", "", re.sub("IES$", "Y", word)) for word in name.split("_"))


def _mistakes(right: str) -> int:
    """Return the number of mistakes with which this name is still recognized."""
    return 2 if len(right) >= _TWO_MISTAKES else 1 if len(right) >= _ONE_MISTAKE else 0


def _is_misspelt(name: str, right: str) -> bool:
    """Return whether the name has no more mistakes than `right` allows, and none in its short words."""
    if abs(len(name) - len(right)) > _mistakes(right):
        return False
    words, right_words = name.split("_"), right.split("_")
    if len(words) == len(right_words):
        for one, other in zip(words, right_words, strict=True):
            if one != other and min(len(one), len(other)) < 4 and sorted(one) != sorted(other):
                return False
    return distance(name, right) <= _mistakes(right)


def distance(one: str, other: str) -> int:
    """Return the optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.

    A common beginning and a common end are skipped first.
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
