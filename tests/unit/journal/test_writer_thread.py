"""The journal's thread."""

from __future__ import annotations

from threading import current_thread, main_thread

from twisted.trial.unittest import SynchronousTestCase

from wsaas.journal.writer_thread import WriterThread


class WriterThreadTests(SynchronousTestCase):
    def test_jobs(self) -> None:
        """Jobs are done in order, in one other thread, and all of them before `stop` returns."""
        done: list[tuple[int, object]] = []
        thread = WriterThread()
        thread.start()
        for number in range(50):
            thread.submit(lambda number=number: done.append((number, current_thread())))
        thread.stop()
        self.assertEqual([number for number, _ in done], list(range(50)))
        [thread] = {thread for _, thread in done}
        self.assertIsNot(thread, main_thread())
        self.assertFalse(thread.is_alive())

    def test_daemon(self) -> None:
        """A job that never ends does not keep the process from exiting."""
        self.assertTrue(WriterThread()._thread.daemon)
