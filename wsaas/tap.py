"""`twistd wsaas`: its options, made from the table of settings, and the service."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import twisted
from twisted.application.service import IService, MultiService
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.usage import Options as UsageOptions

from wsaas.internals.awake_clock import count_awake_time
from wsaas.internals.reactor_tuning import hand_out_directly
from wsaas.logs import observer, open_stream, say
from wsaas.service.version import own_version
from wsaas.settings.sources import FILE
from wsaas.settings.table import TABLE, Settings, SettingsError, SettingSpec, load

YOUNG = 2_000, 5, 10
"""When the garbage collector looks for cycles among new objects, and among those that it has seen once or more often.
Python's own figures are 700, 10, 10. More at a time would stop everybody for longer.
"""


class Options(UsageOptions):
    """One option per setting, beside --demo, --version and --help.

    After parsing, `settings` holds the settings; if they have mistakes, these are printed, and the process ends with
    status 1.
    """

    longdesc = (
        "Each option but --demo can be an environment variable as well, in upper case: WS_PORT for --ws-port. "
        "The option beats the variable, which beats the default. "
        "Sizes are in bytes, times in milliseconds; lists can be repeated or separated by spaces."
    )
    optFlags = [["demo", None, "Start the demo backend beside the gateway, at TARGET_ADDRESS."]]  # noqa: RUF012
    environ: Mapping[str, str] = os.environ
    settings: Settings

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, str | list[str]] = {}

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(versions())
        raise SystemExit(0)

    def opt_help(self) -> None:
        """Print this and exit."""
        print(self)
        raise SystemExit(0)

    def postOptions(self) -> None:
        try:
            self.settings = load(self.given, self.environ)
        except SettingsError as error:
            for problem in error.problems:
                say(f"wsaas: {problem}", sys.stderr)
            raise SystemExit(1) from None


def versions() -> str:
    """What runs here, in one line."""
    own = own_version() or "(not installed)"
    return f"wsaas {own} (Twisted {twisted.__version__}, Python {'.'.join(map(str, sys.version_info[:3]))})"


def _option(name: str, repeats: bool, help: str) -> Callable[[Options, str], None]:
    """A method that Twisted makes an option of; its docstring is what --help says."""

    def collect(self: Options, value: str) -> None:
        earlier = self.given.get(name)
        self.given[name] = [*earlier, value] if repeats and isinstance(earlier, list) else [value] if repeats else value

    collect.__doc__ = help
    return collect


def _help(row: SettingSpec) -> str:
    default = row.unset_is if row.default is None else row.default
    return f"{row.help} [default: {default}]"


for _name, _row in TABLE.items():
    setattr(Options, f"opt_{_name.lower()}", _option(_name, _row.repeats, _help(_row)))
    for _alias in _row.aliases:
        setattr(Options, f"opt_{_alias.lower()}", _option(_alias, _row.repeats, f"Another name of {_name}."))
    if _row.secret:
        setattr(Options, f"opt_{(_name + FILE).lower()}", _option(_name + FILE, False, f"File that holds {_name}."))


class Root(MultiService):
    """The service that twistd knows. It makes our log observer the application's."""

    def __init__(self, log: ILogObserver | None) -> None:
        super().__init__()
        self._log = log

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self._log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log)


def makeService(options: Options) -> IService:
    """The gateway, ready to be started by twistd."""
    from twisted.internet import reactor

    from wsaas.service.lifecycle import assemble

    root = rooted(options, reactor, assemble)
    settle()
    return root


def settle() -> None:
    """What is there by now, code most of it, stays: the garbage collector need not look at it again. Nor need it look
    so often: a connection makes objects by the hundred, of which the counting of references frees nearly all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG)


def rooted(options: Options, reactor: Any, assemble: Callable[[Any, Settings, bool], IService]) -> IService:
    """What `assemble` makes of the options, and its log. What keeps it from being made is one line, and status 1."""
    hand_out_directly(reactor)
    # Twisted's timers follow the wall clock otherwise: set back by an hour, they all stop for an hour (Twisted #2424).
    count_awake_time(reactor)
    settings = options.settings
    try:
        stream = open_stream(options.parent or {}, reactor)
        root = Root(None if stream is None else observer(settings.log_level, settings.log_style, stream))
        root.addService(assemble(reactor, settings, bool(options["demo"])))
    except (ValueError, OSError) as error:
        say(f"wsaas: {error}", sys.stderr)
        raise SystemExit(1) from None
    return root
