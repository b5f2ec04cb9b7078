"""From options and environment to one Settings, or to all mistakes at once.

An option beats the environment, which beats the default. A secret X may also be given as X_FILE, a file that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsaas.settings.checks import contradictions, doubts
from wsaas.settings.misspelt import near_misses
from wsaas.settings.sources import FILE, Given, find
from wsaas.settings.table import TABLE, Settings, SettingSpec


class SettingsError(Exception):
    """The settings cannot be used; `problems` says why, and `warnings` what is doubtful as well, one line each."""

    def __init__(self, problems: tuple[str, ...], warnings: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.warnings = warnings


def load(options: Mapping[str, str | list[str]], environ: Mapping[str, str]) -> Settings:
    """Make the settings of what is given; raises SettingsError with all mistakes.

    Both mappings have the settings' names as keys. An empty string in the environment counts as not given; an empty
    option takes back what the environment gives.
    """
    problems: list[str] = []
    given: dict[str, Given] = {}
    for name, row in TABLE.items():
        try:
            given[name] = find(_keys(name, row), row.default, row.secret, options, environ)
        except ValueError as error:
            problems.append(str(error))
    known = [key for name, row in TABLE.items() for key in _keys(name, row)]
    misspelt = tuple(near_misses(environ, known, [name for name, each in given.items() if not each.default]))
    texts = {name: each.text or "" for name, each in given.items()}
    values: dict[str, Any] = {}
    for name, each in given.items():
        text = _default(TABLE[name], texts) if each.default else each.text
        try:
            values[name] = _value(TABLE[name], text)
        except ValueError as error:
            # A default that is made of other settings is wrong by their fault, and that is reported with them.
            if text == each.text:
                problems.append(each.line(str(error)))
    problems += contradictions(values, given)
    if problems:
        raise SettingsError(tuple(problems), misspelt)
    changed = frozenset(name for name in given if not given[name].default and _differs(name, values[name], texts))
    values["TARGET_KEY"] = values["TARGET_KEY"] or values["TARGET_CERT"]
    warnings = (*misspelt, *(line for each in given.values() for line in each.warnings), *doubts(values, given))
    return Settings(**{name.lower(): value for name, value in values.items()}, warnings=warnings, changed=changed)


def _keys(name: str, row: SettingSpec) -> tuple[str, ...]:
    """Give every name that the setting may be given under."""
    return (name, *row.aliases, *((name + FILE,) if row.secret else ()))


def _default(row: SettingSpec, texts: Mapping[str, str]) -> str | None:
    """Give the text of the default, in which the names of other settings stand for their texts."""
    return None if row.default is None else row.default.format_map(texts)


def _differs(name: str, value: object, texts: Mapping[str, str]) -> bool:
    """Tell whether the value is another one than the default's."""
    try:
        return value != _value(TABLE[name], _default(TABLE[name], texts))
    except ValueError:  # a default that would be wrong here
        return True


def _value(row: SettingSpec, text: str | None) -> object:
    """Make the value of a text; ValueError says what would be right."""
    if text is None or (not row.secret and row.default is None and text.lower() == row.unset_is):
        return row.unset
    if text.startswith(('"', "'")):
        raise ValueError("must stand without the quotes: what read the file that it is from has kept them")
    return row.parse(text)
