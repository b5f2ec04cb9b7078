"""The table of settings, or a part of it, as `wsaas.settings.table` has it."""

from __future__ import annotations

from docs.generated.markup import escaped, table
from wsaas.settings.table import TABLE, SettingSpec


def text(names: list[str]) -> str:
    """Return the table of these settings. Each has a target by which it can be linked to."""
    rows = [[f"_`{name}`", default(TABLE[name]), meaning(TABLE[name])] for name in names]
    return "\n".join(table(["setting", "default", "meaning"], [27, 23, 50], rows, name=f"settings-{names[0].lower()}"))


def default(spec: SettingSpec) -> str:
    return escaped(spec.unset_is) if spec.default is None else f"``{spec.default}``"


def meaning(spec: SettingSpec) -> str:
    """Return the help, and what else the table knows of the setting."""
    notes = [escaped(spec.help)]
    notes += [f"``{alias}`` is another name for it." for alias in spec.aliases]
    if spec.secret:
        notes.append("It is a secret: give it in a file.")
    return " ".join(notes)
