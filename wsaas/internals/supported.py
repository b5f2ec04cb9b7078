"""The names that internals/ uses although no library promises them, and the check of these names at the start.

Each module of internals/ lists its names in a `Reliance`, beside the code that uses them. `RELIANCES` lists these, so
that all names are read, checked and tested in one place. If a name of a part is missing, the part is not used: the
gateway takes the slow path and logs one line.

    part          the part's name in the log
    plainly       the consequence of not using it, for the log
    names         dotted names from a module on: "twisted.internet.tcp:Server._tempDataLen"
    attributes    names that only an instance has, looked up on what `sample()` makes
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from importlib import import_module

from twisted.logger import Logger

_log = Logger()


@dataclass(frozen=True)
class Reliance:
    """The names that one part of internals/ relies on; the module's docstring explains the fields."""

    part: str
    plainly: str
    names: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    sample: Callable[[], object] | None = None

    @property
    def missing(self) -> list[str]:
        """The names that the installed libraries lack. If `sample` raises, all attributes count as missing."""
        absent = [name for name in self.names if not _exists(name)]
        if self.attributes and self.sample is not None:
            try:
                sample = self.sample()
            except Exception:
                return [*absent, *self.attributes]
            absent += [name for name in self.attributes if not hasattr(sample, name)]
        return absent

    def holds(self) -> bool:
        """Return whether the part may be used. If not, log the missing names, once; the result is kept."""
        if self.part not in _judged:
            missing = self.missing
            _judged[self.part] = True
            if missing:
                self.give_up(", ".join(missing))
        return _judged[self.part]

    def give_up(self, lack: str) -> None:
        """Use the part no more: the libraries lack some names, or another thing that was tried. Log that."""
        _judged[self.part] = False
        _log.warn(
            "the installed libraries lack {names}, on which {part} relies: {plainly}. Install the releases "
            "that setup.cfg names to restore it",
            names=lack,
            part=self.part,
            plainly=self.plainly,
        )


_judged: dict[str, bool] = {}

RELIANCES = (
    "wsaas.internals.accepting:RELIANCE",
    "wsaas.internals.autobahn:RELIANCE",
    "wsaas.internals.cookie_request:RELIANCE",
    "wsaas.internals.direct_read:RELIANCE",
    "wsaas.internals.direct_write:RELIANCE",
    "wsaas.internals.http_channel:MALFORMED",
    "wsaas.internals.http_channel:TRAILERS",
    "wsaas.internals.openssl_records:RELIANCE",
    "wsaas.internals.plain_callbacks:RELIANCE",
    "wsaas.internals.reactor_tuning:READING",
    "wsaas.internals.reactor_tuning:RELIANCE",
    "wsaas.internals.tls_transport:RELIANCE",
)
"""Each Reliance of internals/, as module:name."""


def reliances() -> list[Reliance]:
    """Import the modules and return all Reliances."""
    return [_look_up(name) for name in RELIANCES]  # type: ignore[misc]  # test_supported holds that each is one


def check() -> None:
    """Log a line for each part whose names are missing. Called once, before anything listens."""
    for reliance in reliances():
        reliance.holds()


def _exists(name: str) -> bool:
    try:
        _look_up(name)
    except (ImportError, AttributeError):
        return False
    return True


def _look_up(name: str) -> object:
    module, _, path = name.partition(":")
    import_module(module)
    return reduce(getattr, path.split("."), sys.modules[module])
