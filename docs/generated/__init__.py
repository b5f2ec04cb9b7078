"""The directives that make parts of pages from the source, so that no page repeats what the source says.

    .. settings:: NAMES     a part of the table of settings
    .. metrics::            the table of metrics
    .. api::                the operations of the API
    .. commands::           the commands; .. command-options:: and .. command-statuses:: what they have in common
    .. claims::             the claims of the pages, each with its tests

Each directive stands for the reStructuredText that its function gives, as if this stood in the page. Sphinx takes them
by `setup`; the tests of the pages, which read them with docutils alone, by `register`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives

from docs.generated import api, claims, commands, metrics, settings

Make = Callable[[list[str]], str]
"""Gives reStructuredText for the arguments of a directive."""

MADE: dict[str, Make] = {
    "settings": settings.text,
    "metrics": metrics.text,
    "api": api.text,
    "commands": commands.reference,
    "command-options": commands.common_options,
    "command-statuses": commands.statuses,
    "claims": claims.text,
}


def directive(make: Make) -> type[Directive]:
    """Return a directive that stands for what `make` gives."""

    class Generated(Directive):
        optional_arguments = 1
        final_argument_whitespace = True

        def run(self) -> list[nodes.Node]:
            environment = getattr(self.state.document.settings, "env", None)
            if environment is not None:  # Sphinx's, which else would not know that the source has changed
                environment.note_reread()
            lines = make(" ".join(self.arguments).split()).split("\n")
            self.state_machine.insert_input(lines, f"{make.__module__}")
            return []

    return Generated


def register() -> None:
    """Teach the directives to docutils."""
    for name, make in MADE.items():
        directives.register_directive(name, directive(make))


def setup(app: Any) -> dict[str, bool]:
    """Teach the directives to Sphinx."""
    for name, make in MADE.items():
        app.add_directive(name, directive(make))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
