"""A gateway whose leases, claims and votes take part of their time: for random schedules, of which many are to be run.

All moments of the cluster's rules are constants of its modules, and become smaller by the same factor; so does nothing
else. The margins between them become smaller, too, so that a machine that stands still for a second shows more than it
would: nothing that is promised may depend on it.
"""

from __future__ import annotations

from tests.support.gateway_process import Preparation

SPEED = 2.0
"""The factor."""
CONSTANTS: dict[str, tuple[str, ...]] = {
    "wsaas.cluster.scripts": ("LEASE = 4000", "CLAIM_AFTER = 7000", "CALM = 8000", "VOUCH = 3000", "FRESH = 1500"),
    "wsaas.cluster.right": ("MARGIN = 0.2", "VOTE = 2.0", "LATCH = CLAIM_AFTER - 1.0", "UNBROKEN = 1.5"),
    "wsaas.cluster.engine_connection": ("CALL_TIMEOUT = 1.0",),
    "wsaas.cluster.siblings": ("FORWARD_TIMEOUT = 2.0",),
    "wsaas.cluster.member": ("RENEW_EVERY = 1.0",),
    "wsaas.cluster.votes": ("PEER_TIMEOUT = 1.0", "ASK_EVERY = 0.25", "SOON = 1.5"),
    "wsaas.cluster.claims": ("SPREAD = 0.5", "TRY_AGAIN = 1.0"),
    "wsaas.service.node_life": ("ALONE_AFTER = 10.0",),
}
"""The lines that are changed: the last number of each is divided."""
QUICK = Preparation(f"""
import re, sys
from importlib.machinery import PathFinder, SourceFileLoader

class Quick(SourceFileLoader):
    def get_code(self, name):
        source = self.get_source(name)
        for line in CONSTANTS[name]:
            start, number = re.fullmatch(r"(.* )([0-9.]+)", line).groups()
            smaller = type(eval(number))(eval(number) / {SPEED})
            assert source.count("\\n" + line + "\\n") == 1, line
            source = source.replace("\\n" + line + "\\n", f"\\n{{start}}{{smaller}}\\n")
        return compile(source, self.path, "exec")

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in CONSTANTS:
            spec = PathFinder.find_spec(name, path)
            spec.loader = Quick(name, spec.origin)
            return spec

CONSTANTS = {CONSTANTS!r}
assert not CONSTANTS.keys() & sys.modules.keys()
sys.meta_path.insert(0, Finder())
""")
"""The program of such a gateway."""
