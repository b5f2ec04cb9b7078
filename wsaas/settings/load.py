"""Loads Settings from options and environment, or reports all mistakes at once.

An option beats the environment, which beats the default. X_FILE may name a file that holds the value of a secret X.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wsaas.settings.checks import contradictions, doubts
from wsaas.settings.misspelt import near_misses
from wsaas.settings.sources import FILE, Given, find
from wsaas.settings.table import TABLE, Settings, SettingSpec

_VARIABLE = re.compile(r"\$(?:[A-Z_][A-Z0-9_]*|\{[^{}]*\}|\([^()]*\))|\{\{[^{}]*\}\}")
"""The name of a variable, as shells, Compose, Kubernetes and Helm replace it by its value."""


class SettingsError(Exception):
    """The settings are invalid. `problems` and `warnings` hold one line for each error and each doubtful setting."""

    def __init__(self, problems: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.warnings = warnings


def load(options: Mapping[str, str | list[str]], environ: Mapping[str, str]) -> Settings:
    """Return the settings that options and environment give. Raises SettingsError with all mistakes.

    The keys of both mappings are names of settings. An empty variable counts as not set; an empty option overrides the
    variable and restores the default.
    """
    problems: list[str] = []
    given: dict[str, Given] = {}
    for name, row in TABLE.items():
        try:
            given[name] = find(_keys(name, row), row.default, row.secret, options, environ)
        except ValueError as error:
            problems.append(str(error))
    known = all_keys()
    misspelt = tuple(
        near_misses(environ, known, {name: each.text or "" for name, each in given.items() if not each.default})
    )
    texts = {name: each.text or "" for name, each in given.items()}
    values: dict[str, Any] = {}
    for name, each in given.items():
        text = _default(TABLE[name], texts) if each.default else each.text
        try:
            values[name] = _value(TABLE[name], text)
        except ValueError as error:
            # A default that is made of other settings is wrong only if one of those is, which is reported itself.
            if text == each.text:
                problems.append(each.line(str(error)))
    problems += contradictions(values, given)
    if problems:
        raise SettingsError(tuple(problems), misspelt)
    changed = frozenset(name for name in given if not given[name].default and _differs(name, values[name], texts))
    values["TARGET_KEY"] = values["TARGET_KEY"] or values["TARGET_CERT"]
    values["CLUSTER_KEY"] = values["CLUSTER_KEY"] or values["CLUSTER_CERT"]
    warnings = (*misspelt, *(line for each in given.values() for line in each.warnings), *doubts(values, given))
    return Settings(**{name.lower(): value for name, value in values.items()}, warnings=warnings, changed=changed)


def all_keys() -> list[str]:
    """Return every name under which a setting can be given: aliases, and those of files with secrets, too."""
    return [key for name, row in TABLE.items() for key in _keys(name, row)]


def _keys(name: str, row: SettingSpec) -> tuple[str, ...]:
    """Return all names of the setting: its own, its aliases, and for a secret the name of its file."""
    return (name, *row.aliases, *((name + FILE,) if row.secret else ()))


def _default(row: SettingSpec, texts: Mapping[str, str]) -> str | None:
    """Return the text of the default, with {NAME} replaced by the text of that setting."""
    return None if row.default is None else row.default.format_map(texts)


def _differs(name: str, value: object, texts: Mapping[str, str]) -> bool:
    """Return whether the value differs from the default's."""
    try:
        return value != _value(TABLE[name], _default(TABLE[name], texts))
    except ValueError:  # the default is invalid together with the other settings
        return True


def _value(row: SettingSpec, text: str | None) -> object:
    """Parse the text of a setting. ValueError says what would be valid."""
    if text is None or (not row.secret and row.default is None and text.lower() == row.unset_is):
        return row.unset
    if text.startswith(('"', "'")):
        raise ValueError("must have no quotes: the program that read it from a file did not remove them")
    if _VARIABLE.fullmatch(text):
        raise ValueError("must be the value itself: nothing has replaced the variable that is named here")
    return row.parse(text)
