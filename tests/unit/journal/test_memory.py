"""The journal of STATE_DIR=none."""

from __future__ import annotations

from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.support.journal_fakes import BYE, FakeConnections, connection
from wsaas.journal.memory import MemoryJournal


class MemoryJournalTests(SynchronousTestCase):
    def test_start(self) -> None:
        """The start warns of what is given up and knows of no previous life."""
        with capturedLogs() as logs:
            self.assertEqual(MemoryJournal().start(FakeConnections()), [])
        [event] = logs
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("STATE_DIR=none", event["log_format"])

    def test_opened(self) -> None:
        """A connection, and what it was accepted with, are as safe as they will be before the call returns."""
        answers: list[bool] = []
        MemoryJournal().opened(connection(), answers.append)
        self.assertEqual(answers, [True])
        MemoryJournal().accepted(connection(), answers.append)
        self.assertEqual(answers, [True, True])

    def test_the_rest(self) -> None:
        """All other calls are taken, and it is always healthy and soon stopped."""
        journal = MemoryJournal()
        journal.closed(connection().id, BYE)
        journal.forget(connection().id)
        self.assertTrue(journal.healthy)
        self.assertIsNone(self.successResultOf(journal.stop()))
