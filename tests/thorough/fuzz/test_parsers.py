"""The parsers that are ours, by hypothesis and, where it is installed, by atheris.

WSAAS_EXAMPLES=100000 in the environment makes it so many examples of each, other ones each time;
`tests.thorough.fuzz.guided` runs atheris for as long as one likes.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.properties import examples, rounds
from tests.thorough.fuzz.inputs import Guard, spoilt
from tests.thorough.fuzz.parsers import PARSERS, SEEDS

CASES = st.sampled_from(sorted(PARSERS)).flatmap(
    lambda name: st.tuples(
        st.just(name),
        spoilt(st.sampled_from(SEEDS[name]), most=1)
        | spoilt(st.sampled_from(SEEDS[name]), most=5)
        | st.binary(max_size=300),
    )
)
RUNS = rounds(2000)


class ParserTests(SynchronousTestCase):
    @examples(2000)
    @given(CASES)
    @example(("proxy", SEEDS["proxy"][1][:14] + b"\xff\xff"))
    def test_anything(self, case: tuple[str, bytes]) -> None:
        """Whatever bytes a parser is given, it returns, and what it found makes sense."""
        name, data = case
        with Guard():
            PARSERS[name](data)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_coverage(self) -> None:
        """The same for inputs that atheris finds by looking at which lines they reach."""
        if importlib.util.find_spec("atheris") is None:
            raise SkipTest("atheris is not installed")
        for name in PARSERS:
            run = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "tests.thorough.fuzz.guided",
                    name,
                    f"-runs={RUNS}",
                    "-seed=1",
                    "-artifact_prefix=" + self.mktemp(),
                ],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                capture_output=True,
                timeout=600 + RUNS / 100,
            )
            self.assertEqual(run.returncode, 0, f"{name}: {run.stderr.decode(errors='replace')[-3000:]}")
            self.assertIn(b"DONE", run.stderr)
