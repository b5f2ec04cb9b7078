"""The console and the command line explain by the same sentences."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import protocol
from tests.support.source import ROOT
from wsaas.cli.sentences import ANSWERS, sentences

FILE = ROOT / "wsaas" / "console" / "explanations.json"


def written() -> str:
    return json.dumps(sentences(), indent=1, ensure_ascii=False) + "\n"


class SentencesTests(SynchronousTestCase):
    def test_file(self) -> None:
        """The console's file has the tables of the command line (`python -m tests.unit.test_console_sentences`)."""
        self.assertEqual(FILE.read_text(), written())

    def test_refusals(self) -> None:
        """Each refusal of docs/protocol has a sentence, by its code or by its status."""
        found = json.loads(FILE.read_text())
        for code, status, *_ in protocol()["refusals"]:
            if not status.startswith("any"):
                self.assertTrue(found["refusals"].get(code) or found["statuses"].get(status), code)

    def test_answers(self) -> None:
        """For each kind of webhook an answer of any class has a sentence, and so has none."""
        for event, rules in ANSWERS.items():
            self.assertLessEqual({"2xx", "4xx", "5xx", "none"}, set(rules), event)


if __name__ == "__main__":
    FILE.write_text(written())
