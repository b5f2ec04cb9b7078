"""A scrape of one process, and of several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from wsaas.api.merging import Gathered
from wsaas.service.scrape import Scrape
from wsaas.telemetry.families import Family, Readings


def read(count: int) -> list[Family]:
    readings = Readings()
    readings.put("wsaas_closes_total", count, "client")
    return readings.families()


class ScrapeTests(SynchronousTestCase):
    def scrape(self, worker: int | None = None, node: str | None = None) -> Scrape:
        self.calls: list[Any] = []

        def in_thread(function: Any) -> Deferred[Any]:
            self.calls.append(function)
            return succeed(function())

        return Scrape(lambda: read(7), in_thread, worker, node)

    def scraped(self, scrape: Scrape) -> dict[str, list[tuple[Mapping[str, str], float]]]:
        body, _ = self.successResultOf(Deferred.fromCoroutine(scrape.answer("")))
        return {
            family.name: [(sample.labels, sample.value) for sample in family.samples]
            for family in text_string_to_metric_families(body.decode())
        }

    def test_one_process(self) -> None:
        """One process has no label that names it, and misses no other."""
        found = self.scraped(self.scrape())
        self.assertEqual(found["wsaas_closes"], [({"cause": "client"}, 7)])
        self.assertEqual(found["wsaas_unreached_workers"], [({}, 0)])
        self.assertIn("process_open_fds", found)

    def test_library(self) -> None:
        """In a thread, prometheus_client is imported for the first scrape, and the open files are counted for each."""
        scrape = self.scrape()
        self.assertEqual(self.calls, [])
        for _ in range(2):
            self.scraped(scrape)
        self.assertEqual([function.__name__ for function in self.calls], ["Exposition", "process", "process"])

    def test_workers(self) -> None:
        """The readings of all workers have the number of each; that of those without an answer is told."""
        other = self.successResultOf(Deferred.fromCoroutine(self.scrape(2).samples()))
        scrape = self.scrape(1)

        scrape.gather = lambda: succeed(Gathered([json.loads(json.dumps(other))], 3))
        found = self.scraped(scrape)
        self.assertEqual(
            found["wsaas_closes"], [({"cause": "client", "worker": "1"}, 7), ({"cause": "client", "worker": "2"}, 7)]
        )
        self.assertEqual([labels["worker"] for labels, _ in found["process_open_fds"]], ["1", "2"])
        self.assertEqual(found["wsaas_unreached_workers"], [({}, 3)])

    def test_node(self) -> None:
        """Every series of a node of a cluster has its name, beside the number of the worker if it has several."""
        found = self.scraped(self.scrape(node="n1"))
        self.assertEqual(found["wsaas_closes"], [({"cause": "client", "node": "n1"}, 7)])
        self.assertEqual(found["wsaas_unreached_workers"], [({"node": "n1"}, 0)])
        found = self.scraped(self.scrape(2, "n1"))
        self.assertEqual(found["wsaas_closes"], [({"cause": "client", "worker": "2", "node": "n1"}, 7)])

    def test_senseless(self) -> None:
        """An answer that makes no sense counts as none."""
        scrape = self.scrape(1)
        scrape.gather = lambda: succeed(Gathered([{"code": "OK"}, {"families": [["a"]]}, {"families": 7}], 1))
        found = self.scraped(scrape)
        self.assertEqual(found["wsaas_closes"], [({"cause": "client", "worker": "1"}, 7)])
        self.assertEqual(found["wsaas_unreached_workers"], [({}, 4)])
