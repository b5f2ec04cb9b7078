"""The house rules that a program can check, read off the source: rooms, circles, library internals, a core without I/O.

docs/architecture.rst says what each room is for. The rules here are tables: to add a room is to add a line.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.source import ROOMS, ROOT, Import, Module, module_of, modules
from wsaas.internals.supported import reliances

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "clients": ("klein", "treq", "twisted.web"),
    "backend": ("autobahn", "klein"),
    "http_client": ("autobahn", "klein"),
    "api": ("autobahn", "treq"),
    "journal": ("autobahn", "klein", "treq", "twisted.web"),
}
"""Libraries that a room must not import."""

OUTSIDE_CORE = ("asyncio", "http", "os", "random", "secrets", "select", "socket", "ssl", "threading", "time")
"""Modules of the standard library that core/ must not import: I/O, clocks and randomness are passed in."""

IO_WORDS = ("fileno", "file descriptor", "header line", "http", "retry-after", "socket", "status code", "traceparent")
"""Words of the transport and of HTTP that code of core/ does without."""
IO_NAMES = ("direct fd", "fd", "outlet", "status")
"""Names that nothing in core/ has."""

ENTRY_POINTS = ("wsaas.tap", "wsaas.cli.main")
"""Modules that may import the global reactor."""

LIBRARY_INTERNALS = "wsaas.internals."
"""The room that may use names that a library does not promise."""


def violations(root: Path) -> list[str]:
    """One line for each break of a rule: where, what, and the rule."""
    house = modules(root)
    found = [
        f"{module.place}:{imported.line}: {imported.name}: {rule}"
        for module in house
        for imported in module.imports
        for rule in broken_by_import(module, imported)
    ]
    found += [f"{' -> '.join(circle)}: a circle of files" for circle in circles(imports_between(house))]
    ours = own_names(house) - relied_upon()
    for module in house:
        if not module.name.startswith(LIBRARY_INTERNALS):
            found += [
                f"{module.place}:{line}: {name}: only internals/ uses what a library does not promise"
                for line, name in foreign_names(module.nodes, ours)
            ]
        found += [f"{module.place}:{line}: {name}: {_CLOCK}" for line, name in clocks_without_a_kind(module.nodes)]
        if module.room == "core":
            found += [f"{module.place}:{line}: {word}: core/ has no I/O" for line, word in io_words(module.nodes)]
    return found


def violations_of_tests(root: Path) -> list[str]:
    """One line for each break of a rule that the tests keep."""
    found = []
    for path in sorted(root.glob("tests/**/*.py")):
        module = module_of(path, root)
        for imported in module.imports:
            if imported.name.startswith("tests.") and ".test_" in imported.name:
                found.append(f"{module.place}:{imported.line}: {imported.name}: {_TEST_MODULE}")
            if module.name.startswith("tests.unit.") and imported.within(*PROCESSES):
                if module.place not in WITH_PROCESSES:
                    found.append(f"{module.place}:{imported.line}: {imported.name}: {_PROCESS}")
        found += [
            f"{module.place}:{node.lineno}: {node.name}: {_SWALLOWED}"
            for node in module.nodes
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__"
        ]
    return found


def broken_by_import(module: Module, imported: Import) -> Iterator[str]:
    room = module.room
    parts = imported.name.split(".")
    if parts[0] == "wsaas" and len(parts) > 1 and room and parts[1] != room and parts[1] in ROOMS:
        if parts[1] not in ROOMS.get(room, frozenset()):
            yield f"{room}/ is not above {parts[1]}/"
    if room == "core":
        if parts[0] not in sys.stdlib_module_names and not imported.within("wsaas.core"):
            yield "core/ imports the standard library and itself, nothing else"
        if imported.within(*OUTSIDE_CORE):
            yield "core/ has no I/O, no clock and no randomness; they are passed in"
    if imported.within(*LIBRARIES.get(room, ())):
        yield f"{room}/ does not know this library"
    if imported.within("twisted.internet.reactor") and module.name not in ENTRY_POINTS:
        yield "the reactor is an argument; only an entry point imports the global one"
    if any(_private(part) for part in parts) and parts[0] not in ("wsaas", "__future__"):
        if not module.name.startswith(LIBRARY_INTERNALS):
            yield "only internals/ uses what a library does not promise"


def imports_between(house: Iterable[Module]) -> dict[str, set[str]]:
    """Which module imports which other one."""
    names = {module.name for module in house}
    graph: dict[str, set[str]] = {}
    for module in house:
        targets = (each.name if each.name in names else each.name.rpartition(".")[0] for each in module.imports)
        graph[module.name] = {target for target in targets if target in names and target != module.name}
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """One circle for each set of nodes that reach each other."""
    reach: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        todo = list(graph[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += graph.get(node, ())
        reach[start] = seen
    found = {frozenset(other for other in reach[node] if node in reach.get(other, ())) for node in graph}
    return sorted(sorted(circle) for circle in found if circle)


def own_names(house: Iterable[Module]) -> frozenset[str]:
    """Underscore names that the house itself defines: functions, classes, variables, attributes and slots."""
    names: set[str] = set()
    for module in house:
        for node in module.nodes:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                    names.add(name)
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                    names.add(name)
                case ast.Assign(targets=[ast.Name(id="__slots__")], value=ast.Tuple(elts=elements)):
                    names.update(str(each.value) for each in elements if isinstance(each, ast.Constant))
    return frozenset(filter(_private, names))


def relied_upon() -> frozenset[str]:
    """The underscore names of the libraries that internals/ lists: whoever stores or overrides one uses it, too."""
    names = (name for each in reliances() for name in (*each.names, *each.attributes))
    return frozenset(filter(_private, (name.replace(":", ".").rpartition(".")[2] for name in names)))


def foreign_names(nodes: Iterable[ast.AST], ours: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Underscore names of others that a module reads or writes, also by getattr and its like."""
    for node in nodes:
        match node:
            case ast.Attribute(attr=name) if _private(name) and name not in ours:
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if _private(name) and name not in ours:
                yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr" | "setattr" | "delattr"),
                args=[_, ast.Constant(value=str(name)), *_],
            ) if _private(name) and name not in ours:
                yield node.lineno, name


def clocks_without_a_kind(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Parameters for a clock whose name does not tell which: the reactor's, or the one that people set."""
    for node in nodes:
        if isinstance(node, ast.arg) and node.arg in ("now", "time", "timer"):
            if node.annotation is not None and ast.unparse(node.annotation).startswith("Callable"):
                yield node.lineno, node.arg
        if isinstance(node, ast.keyword) and node.arg != "wall_clock" and ast.unparse(node.value) == "time.time":
            yield node.value.lineno, str(node.arg)


def io_words(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Words of the transport in names and strings of the code; docstrings may say what core/ does not do."""
    docstrings = {
        id(node.body[0].value)
        for node in nodes
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        match node:
            case ast.Constant(value=str(text)) if id(node) not in docstrings:
                pass
            case ast.Constant(value=bytes(raw)):
                text = raw.decode("latin-1")
            case ast.Name(id=text) | ast.Attribute(attr=text) | ast.arg(arg=text):
                text = text.replace("_", " ")
            case ast.ClassDef(name=text) | ast.FunctionDef(name=text) | ast.AsyncFunctionDef(name=text):
                text = text.replace("_", " ")
            case _:
                continue
        yield from ((node.lineno, word) for word in IO_WORDS if word in text.lower())
        if text in IO_NAMES:
            yield node.lineno, text


def docstring_texts(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and text of each docstring: of modules, classes and functions, and of attributes and constants."""
    for node in nodes:
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def _private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name != "_"


class ArchitectureTests(SynchronousTestCase):
    def test_the_rules(self) -> None:
        """No module of wsaas/ breaks a rule of the house."""
        self.assertEqual(violations(ROOT), [])

    def test_rules_of_the_tests(self) -> None:
        """What test modules share is in tests/support; unit tests start no process; no fake takes every call."""
        self.assertEqual(violations_of_tests(ROOT), [])

    def test_every_room_has_its_line(self) -> None:
        """Each package and module at the top of wsaas/ is a room with a line in the table, and the other way round."""
        there = {path.stem for path in ROOT.glob("wsaas/*") if path.suffix == ".py" or (path / "__init__.py").exists()}
        self.assertEqual(there - {"__init__"}, set(ROOMS))

    def test_only_packages_at_the_top(self) -> None:
        """Beside the packages, wsaas/ holds the plugin's options and the log, and nothing else."""
        self.assertEqual({path.name for path in ROOT.glob("wsaas/*.py")}, {"__init__.py", "logs.py", "tap.py"})

    def test_the_rooms_are_stacked(self) -> None:
        """Rooms import only rooms below them: the table itself has no circle."""
        self.assertEqual(circles({room: set(below) for room, below in ROOMS.items()}), [])

    def test_modules_are_short(self) -> None:
        """No module has more than 300 lines, and no class more than 20 methods, but for those named here."""
        long = {
            path.relative_to(ROOT).as_posix()
            for path in ROOT.glob("wsaas/**/*.py")
            if len(path.read_text().splitlines()) > 300
        }
        self.assertEqual(long, set())
        large = {
            f"{module.name}.{node.name}"
            for module in modules(ROOT)
            for node in module.nodes
            if isinstance(node, ast.ClassDef)
            and sum(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body) > 20
        }
        self.assertEqual(large - set(LARGE_CLASSES), set())

    def test_docstrings_have_a_subject_and_a_verb(self) -> None:
        """No docstring begins with a word that opens a clause instead of a sentence."""
        openings = [
            f"{module.place}:{line}: {text.split()[0]}"
            for module in modules(ROOT)
            for line, text in docstring_texts(module.nodes)
            if text and text.split()[0].rstrip(",:;.'s") in CLAUSE_OPENERS
        ]
        self.assertEqual(openings, [])


LARGE_CLASSES: tuple[str, ...] = ("wsaas.journal.sqlite.SqliteJournal",)
PROCESSES = (
    "subprocess",
    "multiprocessing",
    "twisted.internet.reactor.spawnProcess",
    *(
        f"tests.support.{name}"
        for name in ("backend_process", "gateway_process", "programs", "python_process", "system_case")
    ),
)
"""Modules that start processes; what needs them is a system test."""
WITH_PROCESSES = (
    "tests/unit/cluster/test_engine.py",  # a redis-server starts in no time
    "tests/unit/journal/test_displaced.py",  # mounts file systems, in no time
    "tests/unit/test_readme.py",  # bash reads a script
)
_TEST_MODULE = "no test module is imported; what several share is in tests/support"
_PROCESS = "a unit test starts no process; it is a system test"
_SWALLOWED = "no fake takes every call: a method that has another name must fail"
_CLOCK = "a clock is called clock if it counts seconds, wall_clock if it tells the time"
CLAUSE_OPENERS = frozenset("What Whether Who Whoever How Where It Its There".split())


class RuleTests(SynchronousTestCase):
    """The checker itself, on modules made up for it."""

    def violations(self, *sources: tuple[str, str]) -> list[str]:
        root = Path(self.mktemp())
        for place, source in sources:
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        return violations(root)

    def test_forbidden(self) -> None:
        """Each rule finds what it forbids, in every way to write it."""
        for place, source in [
            ("wsaas/core/session.py", "import twisted.internet.defer\n"),
            ("wsaas/core/session.py", "from wsaas.settings.table import Settings\n"),
            ("wsaas/core/session.py", "from .. import settings\n"),
            ("wsaas/core/session.py", "def f():\n    from time import monotonic\n"),
            ("wsaas/core/deep/er.py", "import socket\n"),
            ("wsaas/core/session.py", "number = peer.fileno()\n"),
            ("wsaas/core/session.py", "self.direct_fd = -1\n"),
            ("wsaas/core/session.py", "def f(fd): ...\n"),
            ("wsaas/core/session.py", "def f(traceparent): ...\n"),
            ("wsaas/core/session.py", "status: int\n"),
            ("wsaas/core/session.py", "class HTTPRefusal: ...\n"),
            ("wsaas/core/session.py", "def set_status_code(): ...\n"),
            ("wsaas/core/session.py", "refuse(headers=((b'retry-after', b'5'),))\n"),
            ("wsaas/core/session.py", "text = 'the file descriptor'\n"),
            ("wsaas/clients/connection.py", "from wsaas.api import app\n"),
            ("wsaas/clients/connection.py", "from wsaas import backend\n"),
            ("wsaas/clients/connection.py", "from ..backend.courier import Courier\n"),
            ("wsaas/clients/connection.py", "import treq\n"),
            ("wsaas/clients/connection.py", "from twisted.web.http import Request\n"),
            ("wsaas/clients/connection.py", "from twisted import web\n"),
            ("wsaas/clients/connection.py", "self.transport._tempDataLen\n"),
            ("wsaas/clients/connection.py", "getattr(transport, '_tempDataLen', 0)\n"),
            ("wsaas/clients/connection.py", "class C:\n    def f(self):\n        self._tempDataLen = 0\n"),
            (
                "wsaas/clients/connection.py",
                "class C(B):\n    def _respondToBadRequestAndDisconnect(self): ...\n",
            ),
            ("wsaas/clients/connection.py", "from twisted.protocols.haproxy._wrapper import Wrapper\n"),
            ("wsaas/backend/sender.py", "import autobahn.websocket\n"),
            ("wsaas/backend/sender.py", "if TYPE_CHECKING:\n    import klein\n"),
            ("wsaas/api/app.py", "from treq.client import HTTPClient\n"),
            ("wsaas/api/app.py", "from wsaas.clients.connection import Connection\n"),
            ("wsaas/journal/memory.py", "import wsaas.backend.courier\n"),
            ("wsaas/settings/table.py", "from twisted.internet import reactor\n"),
            ("wsaas/settings/table.py", "import twisted.internet.reactor\n"),
            ("wsaas/internals/reactor_tuning.py", "from wsaas.core.session import Session\n"),
            ("wsaas/net/pem.py", "from wsaas import http_client\n"),
            ("wsaas/cli/main.py", "from wsaas import service\n"),
            ("wsaas/clients/frames.py", "def f(now: Callable[[], float]): ...\n"),
            ("wsaas/service/lifecycle.py", "Store(directory, clock=time.time)\n"),
        ]:
            found = self.violations((place, source))
            self.assertTrue(found, (place, source))
            self.assertTrue(found[0].startswith(f"{place}:{len(source.splitlines())}: "), found)

    def test_forbidden_in_tests(self) -> None:
        """Each rule of the tests finds what it forbids, and leaves alone what it does not name."""
        for place, text, forbidden in [
            ("tests/unit/test_a.py", "from tests.unit.core.test_b import Case\n", True),
            ("tests/thorough/a.py", "from tests.system import test_b\n", True),
            ("tests/unit/core/test_a.py", "import subprocess\n", True),
            ("tests/unit/core/test_a.py", "from tests.support.system_case import SystemTestCase\n", True),
            ("tests/support/fakes.py", "class Fake:\n    def __getattr__(self, name): ...\n", True),
            (
                "tests/system/test_a.py",
                "import subprocess\nfrom tests.support.system_case import SystemTestCase\n",
                False,
            ),
            ("tests/unit/core/test_a.py", "from tests.support.core_fakes import FakePeer\n", False),
        ]:
            root = Path(self.mktemp())
            path = root / place
            path.parent.mkdir(parents=True)
            path.write_text(text)
            found = violations_of_tests(root)
            self.assertEqual([each.split(":")[:2] for each in found], [[place, str(text.count("\n"))]] * forbidden)

    def test_circles(self) -> None:
        """Files that import each other, by whatever way round and under TYPE_CHECKING too, are found."""
        found = self.violations(
            ("wsaas/core/a.py", "from wsaas.core.b import B\n"),
            ("wsaas/core/b.py", "if TYPE_CHECKING:\n    from wsaas.core import c\n"),
            ("wsaas/core/c.py", "def f():\n    import wsaas.core.a\n"),
            ("wsaas/core/d.py", "from wsaas.core.a import A\n"),
        )
        self.assertEqual(found, ["wsaas.core.a -> wsaas.core.b -> wsaas.core.c: a circle of files"])

    def test_allowed(self) -> None:
        """The rules leave alone what they do not name, look-alikes included."""
        for place, source in [
            ("wsaas/core/session.py", "import enum\nfrom wsaas.core.model import Frame\nfrom . import lane\n"),
            ("wsaas/core/session.py", '"""Knows no socket and no file descriptor."""\n'),
            ("wsaas/clients/connection.py", "import autobahn\nfrom twisted.internet import defer\n"),
            ("wsaas/clients/connection.py", "class C:\n    def f(self):\n        self._x = 1\nother._x\n"),
            ("wsaas/internals/autobahn.py", "protocol._wskey\n"),
            ("wsaas/backend/sender.py", "import treq\nfrom twisted.web.client import Agent\n"),
            ("wsaas/api/app.py", "import klein\nfrom wsaas.core.registry import Registry\n"),
            ("wsaas/tap.py", "from twisted.internet import reactor\nfrom wsaas import service\n"),
            ("wsaas/demo/service.py", "from wsaas.demo import service\n"),
        ]:
            self.assertEqual(self.violations((place, source)), [], (place, source))
