"""Which room may import what (the layers of the gateway), read off the source without importing it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` imports a.b.c, so that a rule may speak of modules and of names."""

    place: str
    name: str

    def within(self, *packages: str) -> bool:
        return any(f"{self.name}.".startswith(f"{package}.") for package in packages)


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Everything the file imports, wherever in it: functions and `if TYPE_CHECKING` count too."""
    module = path.relative_to(root).with_suffix("").parts
    package = module[:-1]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*above, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(f"{path.relative_to(root)}:{node.lineno}", name)


def violations(root: Path) -> list[str]:
    """One line for each import that a rule forbids: where, what, and the rule."""
    found = []
    for path in sorted(root.glob("wsaas/**/*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        for imported in imports(path, root):
            for rule in broken(module, imported):
                found.append(f"{imported.place}: {imported.name}: {rule}")
    return found


# Rooms, and what they must not reach. The gateway's rule is stricter: see broken().
FORBIDDEN = {
    "wsaas.clients": ("wsaas.api", "wsaas.backend", "treq", "klein", "twisted.web"),
    "wsaas.backend": ("wsaas.api", "wsaas.clients", "autobahn", "klein"),
    "wsaas.api": ("wsaas.clients", "wsaas.backend", "autobahn", "treq"),
    "wsaas.journal": ("wsaas.clients", "wsaas.api", "wsaas.backend"),
}
ENTRY_POINTS = ("wsaas.tap", "wsaas.cli.main")


def broken(module: str, imported: Import) -> Iterator[str]:
    if f"{module}.".startswith("wsaas.core."):
        standard = imported.name.partition(".")[0] in sys.stdlib_module_names
        if not standard and not imported.within("wsaas.core"):
            yield "gateway/ imports the standard library and itself, nothing else"
        if imported.within("socket", "ssl", "http", "asyncio", "threading", "time", "random"):
            yield "gateway/ knows no sockets, no HTTP, no clock; time and randomness are passed in"
    for room, forbidden in FORBIDDEN.items():
        if f"{module}.".startswith(f"{room}.") and imported.within(*forbidden):
            yield f"{room} must not reach there"
    if imported.within("twisted.internet.reactor") and module not in ENTRY_POINTS:
        yield "the reactor is an argument; only an entry point imports the global one"
    if imported.within("wsaas.service.lifecycle") and module != "wsaas.tap":
        yield "only tap.py knows how the parts are put together"


class ArchitectureTests(SynchronousTestCase):
    def test_the_rooms(self) -> None:
        """No module of wsaas/ imports what its room must not know."""
        self.assertEqual(violations(ROOT), [])

    def test_every_room_is_there(self) -> None:
        """The rules speak of packages that exist: a room that is renamed takes its rule along."""
        for room in ("wsaas.core", "wsaas.demo", *FORBIDDEN):
            self.assertTrue(list(ROOT.joinpath(*room.split(".")).glob("*.py")), room)


class RuleTests(SynchronousTestCase):
    """The checker itself, on modules made up for it."""

    def violations(self, module: str, source: str) -> list[str]:
        root = Path(self.mktemp())
        path = root / module
        path.parent.mkdir(parents=True)
        path.write_text(source)
        return violations(root)

    def test_forbidden(self) -> None:
        """Each rule finds what it forbids, in every way to write an import."""
        for module, source in [
            ("wsaas/core/session.py", "import twisted.internet.defer\n"),
            ("wsaas/core/session.py", "from wsaas.settings.table import Settings\n"),
            ("wsaas/core/session.py", "from .. import settings\n"),
            ("wsaas/core/session.py", "def f():\n    from time import monotonic\n"),
            ("wsaas/core/deep/er.py", "import socket\n"),
            ("wsaas/clients/connection.py", "from wsaas.api import site\n"),
            ("wsaas/clients/connection.py", "from wsaas import backend\n"),
            ("wsaas/clients/connection.py", "from ..backend.courier import Courier\n"),
            ("wsaas/clients/connection.py", "import treq\n"),
            ("wsaas/clients/connection.py", "from twisted.web.http import Request\n"),
            ("wsaas/clients/connection.py", "from twisted import web\n"),
            ("wsaas/backend/sender.py", "import autobahn.websocket\n"),
            ("wsaas/backend/sender.py", "if TYPE_CHECKING:\n    import klein\n"),
            ("wsaas/api/app.py", "from treq.client import HTTPClient\n"),
            ("wsaas/api/app.py", "from wsaas.clients.connection import ClientProtocol\n"),
            ("wsaas/journal/memory.py", "import wsaas.backend.courier\n"),
            ("wsaas/settings/table.py", "from twisted.internet import reactor\n"),
            ("wsaas/settings/table.py", "import twisted.internet.reactor\n"),
            ("wsaas/cli/main.py", "from wsaas import service\n"),
        ]:
            found = self.violations(module, source)
            self.assertTrue(found, (module, source))
            self.assertTrue(found[0].startswith(f"{module}:{len(source.splitlines())}: "), found)

    def test_allowed(self) -> None:
        """What the rules do not name passes, look-alikes included."""
        for module, source in [
            ("wsaas/core/session.py", "import enum\nfrom wsaas.core.model import Frame\nfrom . import lane\n"),
            ("wsaas/clients/connection.py", "import autobahn\nfrom twisted.internet import defer\n"),
            ("wsaas/backend/sender.py", "import treq\nfrom twisted.web.client import Agent\n"),
            ("wsaas/api/app.py", "import klein\nfrom wsaas.core.registry import Registry\n"),
            ("wsaas/tap.py", "from twisted.internet import reactor\nfrom wsaas import service\n"),
            ("wsaas/demo/service.py", "from wsaas.demo import service\n"),
        ]:
            self.assertEqual(self.violations(module, source), [], (module, source))
