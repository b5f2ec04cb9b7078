"""The list of names that this room uses although no library promises them, and the check of that list at the start.

Each module of this room says by a `Reliance`, beside the code that needs them, which names it uses. `RELIANCES` names
these modules, so that the whole list can be read, checked and tested in one place. A part whose names are not all
there is not used: the gateway takes the plain way, which is slower, and says so in one line of the log.

    part          what a reader of the log calls it
    plainly       what happens without it
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
    """The names that one part of this room relies on; see the head of the module."""

    part: str
    plainly: str
    names: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    sample: Callable[[], object] | None = None

    @property
    def missing(self) -> list[str]:
        """The names that the installed libraries do not have. All attributes are missing if there is no sample."""
        absent = [name for name in self.names if not _exists(name)]
        if self.attributes and self.sample is not None:
            try:
                sample = self.sample()
            except Exception:
                return [*absent, *self.attributes]
            absent += [name for name in self.attributes if not hasattr(sample, name)]
        return absent

    def holds(self) -> bool:
        """Say whether the part may be used; if not, log which names it misses. The answer is kept."""
        if self.part not in _judged:
            missing = self.missing
            _judged[self.part] = not missing
            if missing:
                _log.warn(
                    "the installed libraries lack {names}, which {part} relies on: {plainly}. Install the "
                    "releases that setup.cfg names to have it back",
                    names=", ".join(missing),
                    part=self.part,
                    plainly=self.plainly,
                )
        return _judged[self.part]


_judged: dict[str, bool] = {}

RELIANCES = (
    "wsaas.internals.autobahn:RELIANCE",
    "wsaas.internals.direct_write:RELIANCE",
    "wsaas.internals.http_channel:MALFORMED",
    "wsaas.internals.http_channel:TRAILERS",
    "wsaas.internals.reactor_tuning:RELIANCE",
    "wsaas.internals.tls_transport:RELIANCE",
)
"""Each Reliance of this room, as module:name."""


def reliances() -> list[Reliance]:
    """All of them, their modules imported."""
    return [_look_up(name) for name in RELIANCES]  # type: ignore[misc]  # test_supported holds that each is one


def check() -> None:
    """Log a line for each part that the installed libraries do not allow. Called once, before anything listens."""
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
