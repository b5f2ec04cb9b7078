"""The sources of a setting's text: option, environment variable, default, or a file that one of them names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from wsaas.settings.values import secret_file

FILE = "_FILE"
MAX_SHOWN_CHARACTERS = 200
"""Characters of a setting's text in an error line, at most."""


@dataclass(frozen=True, slots=True)
class Given:
    """The text of a setting (None if there is none) and the label of its source, such as `--ws-port`."""

    label: str
    text: str | None
    default: bool = False
    secret: bool = False
    warnings: tuple[str, ...] = ()

    def line(self, why: str) -> str:
        """Return one line that tells a mistake: label, text and `why`. A secret's text is hidden."""
        why = "".join(char if char.isprintable() else repr(char)[1:-1] for char in why)
        return f"{self.label}={_show(self.text or '', self.secret)}{' (default)' if self.default else ''}: {why}"


def option(key: str) -> str:
    """Return the option of a setting: --ws-port for WS_PORT."""
    return "--" + key.lower().replace("_", "-")


def find(
    keys: tuple[str, ...],
    default: str | None,
    secret: bool,
    options: Mapping[str, str | list[str]],
    environ: Mapping[str, str],
) -> Given:
    """Return the text from the first of option, environment and default that has the setting under one of its `keys`.

    ValueError, with the whole error line, if one source gives two different texts or a file cannot be read.
    """
    for source, label in ((options, option), (environ, str)):
        found = {key: text for key in keys if (text := _text(source.get(key))) is not None}
        if source is environ:
            found = {key: text for key, text in found.items() if text}
        if not found:
            continue
        (key, text), *others = found.items()
        for other, differently in others:
            if differently != text or other.endswith(FILE):
                raise ValueError(f"{label(other)} and {label(key)} are both set: only one of them may be")
        if not text:
            break
        if secret and key.endswith(FILE):
            return _from_file(label(key), text)
        warnings: tuple[str, ...] = ()
        if secret and source is options:
            warnings = (f"{label(key)}: every user of this machine sees it in the process list; use {keys[0]}{FILE}",)
        return Given(label(key), text, secret=secret, warnings=warnings)
    return Given(keys[0], default, default=True, secret=secret)


def _text(value: str | list[str] | None) -> str | None:
    if value is None:
        return None
    return (value if isinstance(value, str) else " ".join(value)).strip()


def _from_file(label: str, path: str) -> Given:
    try:
        text = secret_file(path)
        mode = os.stat(path).st_mode & 0o777
    except (ValueError, OSError) as error:
        raise ValueError(f"{label}={_show(path, False)}: {error}") from None
    warnings = (f"{label}={path}: every user of this machine can read it (mode {mode:04o})",) if mode & 0o004 else ()
    return Given(label, text, secret=True, warnings=warnings)


def _show(text: str, secret: bool) -> str:
    """Return the text quoted and escaped, with passwords and queries of URLs hidden; asterisks for a secret."""
    if secret:
        return "****"
    if "://" in text:
        text = re.sub(r"(?<=://)[^/\s]*@", "****@", text)
        text = re.sub(r"\?\S*", "?****", text)
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "...")
