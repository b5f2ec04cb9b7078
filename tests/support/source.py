"""The source of wsaas/ as its rules see it: modules, and what each imports. Nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ROOMS: Mapping[str, frozenset[str]] = {
    room: frozenset(below.split())
    for room, below in {
        "core": "",
        "internals": "",
        "net": "internals",
        "telemetry": "core",
        "logs": "telemetry",
        "settings": "net",
        "http_client": "internals net",
        "journal": "core telemetry",
        "backend": "core http_client net telemetry",
        "clients": "core internals net telemetry",
        "api": "core internals net telemetry",
        "cluster": "api backend core http_client journal net telemetry",
        "demo": "net settings telemetry",
        "lambda_backend": "backend http_client telemetry net",
        "backend_trial": "api backend core http_client net telemetry",
        "service": "api backend clients cluster core demo http_client internals journal logs net settings telemetry",
        "tap": "cluster internals logs net service settings",
        "cli": "backend_trial core http_client internals lambda_backend logs net settings tap",
    }.items()
}
"""Each room, and the rooms below it that it may import."""


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` imports a.b.c, so that a rule may speak of modules and of names."""

    line: int
    name: str

    def within(self, *packages: str) -> bool:
        return any(f"{self.name}.".startswith(f"{package}.") for package in packages)


class Module:
    """One source file of wsaas/."""

    def __init__(self, path: Path, root: Path) -> None:
        self.place = str(path.relative_to(root))
        parts = path.relative_to(root).with_suffix("").parts
        self.package = parts[:-1]
        self.name = ".".join(parts).removesuffix(".__init__")
        self.tree = ast.parse(path.read_text(), str(path))

    @property
    def room(self) -> str:
        return self.name.split(".")[1] if "." in self.name else ""

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in the file."""
        return list(ast.walk(self.tree))

    @cached_property
    def imports(self) -> list[Import]:
        """Everything the file imports, wherever in it: functions and `if TYPE_CHECKING` count too."""
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = self.package[: len(self.package) - node.level + 1] if node.level else ()
                origin = ".".join([*above, *([node.module] if node.module else [])])
                names = [f"{origin}.{alias.name}" for alias in node.names]
            else:
                continue
            found += [Import(node.lineno, name) for name in names]
        return found


module_of = cache(Module)
"""One file, read and parsed once for all tests of a process."""


@cache
def modules(root: Path) -> list[Module]:
    """All modules of wsaas/ below this root, read once: they do not change while tests run."""
    return [module_of(path, root) for path in sorted(root.glob("wsaas/**/*.py"))]
