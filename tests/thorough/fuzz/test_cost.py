"""Input from strangers costs no more than its length is worth: a short search for inputs that do.

WSAAS_EXAMPLES=2000000 in the environment makes that number of inputs for each port, new ones each time (an hour or so).
"""

from __future__ import annotations

import re
import time
from functools import partial
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.support.growth import FOLD, grows
from tests.support.hostile import PUMPS, TARGETS, Target, made
from tests.support.properties import rounds
from tests.thorough.fuzz.cost import PORTS, Search

FEW = 2000
LONG = rounds(FEW) > FEW
"""Whether more is asked for than the suite does: then on other inputs each time."""
SLOW = re.compile(rb"X: *([!-~](?:[ -~]*[!-~])?)? *")


class CostTests(SynchronousTestCase):
    def test_nothing_is_dear(self) -> None:
        """Of all inputs for either port none is found whose time grows faster than its length."""
        for port in PORTS:
            report = Search(TARGETS[port], time.time_ns() if LONG else 1).run(rounds(FEW))
            self.assertEqual(report.findings, [], port)
        self.flushLoggedErrors()

    def test_finds(self) -> None:
        """The search itself: a pattern that is known to be slow is found to be, from inputs that do not have it."""
        target = Target(lambda data: SLOW.fullmatch(data[: len(data) // 8] + b"\0"), ["{}", "X: {}", "Y: {}"], 16000)
        # It is led by times: on a busy machine one search may be led astray, but not five.
        self.assertTrue(any(Search(target, seed).run(3000).findings for seed in range(1, 6)))

    def test_every_parser(self) -> None:
        """Whatever is repeated wherever in what a parser reads, four times as much takes four times as long."""
        cases = [(name, frame, pump) for name in TARGETS for frame in TARGETS[name].frames for pump in PUMPS]
        for name, frame, pump in cases if LONG else Random(1).sample(cases, min(rounds(FEW), 1000)):
            target = TARGETS[name]
            ratio = grows(target.reads, partial(made, frame, pump), target.longest // FOLD)
            self.assertIsNone(ratio, (name, frame, pump))
        self.flushLoggedErrors()
