"""setup.cfg says what the source says."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from configparser import ConfigParser
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.support.source import ROOT, module_of

OPENTELEMETRY = ["opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"]
CONFIG = ConfigParser()
CONFIG.read(ROOT / "setup.cfg")


def names(requirements: str) -> set[str]:
    """The distributions that a list of requirements names, in lower case."""
    return {re.split(r"[\[ <>=!~;]", line)[0].lower() for line in requirements.split("\n") if line}


providers_of_modules = cache(packages_distributions)


def imported(paths: Iterable[Path]) -> set[str]:
    """The distributions, other than our own, that provide what these files import, in lower case."""
    modules = {each.name.partition(".")[0] for path in paths for each in module_of(path, ROOT).imports}
    shared = {"zope": ["zope.interface"], "opentelemetry": OPENTELEMETRY}  # folders that several share
    providers = {**providers_of_modules(), **shared}
    foreign = modules - set(sys.stdlib_module_names) - {"wsaas", "tests", "benchmarks", "docs"}
    return {name.lower() for module in foreign for name in providers.get(module, [module])} - {"wsaas"}


class PackagingTests(SynchronousTestCase):
    def test_requirements(self) -> None:
        """The imports of wsaas/ are declared, those of a cluster and of traces for these, and nothing else is."""
        declared = names(CONFIG["options"]["install_requires"])
        for extra in ("cluster", "otel"):
            declared |= names(CONFIG["options.extras_require"][extra])
        self.assertEqual(imported([*ROOT.glob("wsaas/**/*.py"), *ROOT.glob("twisted/**/*.py")]), declared)

    def test_test_requirements(self) -> None:
        """The further imports of the tests are declared for them, those of one environment of tox for that."""
        declared = names(CONFIG["options"]["install_requires"])
        for extra in ("test", "schemathesis"):
            declared |= names(CONFIG["options.extras_require"][extra])
        self.assertEqual(imported(ROOT.glob("tests/**/*.py")) - declared, set())

    def test_packages(self) -> None:
        """Every package is listed, and the plugin's folder, which must not be a package."""
        listed = CONFIG["options"]["packages"].split()
        found = {".".join(path.parent.relative_to(ROOT).parts) for path in ROOT.glob("wsaas/**/*.py")}
        self.assertEqual(sorted(listed), sorted([*found, "twisted.plugins"]))
        self.assertEqual(list(ROOT.glob("twisted/**/__init__.py")), [])
