"""The table of metrics, and readings on their way to Prometheus or to another process."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families
from twisted.trial.unittest import SynchronousTestCase

from wsaas.core.histogram import Histogram
from wsaas.telemetry.exposition import Exposition
from wsaas.telemetry.families import METRICS, Family, Readings, Sample, merged

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def readings() -> list[Family]:
    """A counter, a gauge without labels, an info, and a histogram with an exemplar."""
    read = Readings()
    read.put("wsaas_closes_total", 3, "client")
    read.put("wsaas_closes_total", 1, "network")
    read.put("wsaas_build_info", 1, '1"0\\', "3.11", "26\n10")
    read.put("wsaas_draining", 0)
    histogram = Histogram(0.1, 1.0)
    for value in (0.05, 0.1, 7.0):
        histogram.observe(value)
    histogram.observe(0.5)
    histogram.exemplars[1] = ("ab" * 16, 0.5, 20.0)
    read.put_histogram("wsaas_webhook_duration_seconds", histogram, "message", epoch=1000.0)
    return read.families()


class TableTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Each metric has one row, whose name ends as its kind and unit say."""
        names = [metric.name for metric in METRICS]
        self.assertEqual(len(names), len(set(names)))
        for metric in METRICS:
            self.assertEqual(metric.name.endswith("_total"), metric.kind == "counter", metric.name)
            self.assertEqual(metric.name.endswith("_info"), metric.kind == "info", metric.name)
            self.assertTrue(metric.name.removesuffix("_total").endswith(metric.unit), metric.name)
            self.assertRegex(metric.help, r"^[A-Z0-9].*\.$")

    def test_unknown(self) -> None:
        """A name that the table does not have, and labels that are not all there, are mistakes."""
        self.assertRaises(KeyError, Readings().put, "wsaas_unknown_total", 1)
        self.assertRaises(ValueError, Readings().put, "wsaas_closes_total", 1)


class FamilyTests(SynchronousTestCase):
    def test_to_another_process(self) -> None:
        """Readings arrive in another process as they were, by JSON."""
        sent = json.loads(json.dumps([family.encode() for family in readings()]))
        self.assertEqual([Family.decode(each) for each in sent], readings())

    def test_merged(self) -> None:
        """The samples of several processes stand together under one name, told apart by their label."""
        both = merged(
            [*(each.labelled(worker="1") for each in readings()), *(each.labelled(worker="2") for each in readings())]
        )
        self.assertEqual([each.name for each in both], [each.name for each in readings()])
        draining = next(each for each in both if each.name == "wsaas_draining")
        self.assertEqual(draining.samples, [Sample("wsaas_draining", {"worker": worker}, 0) for worker in ("1", "2")])


class ExpositionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.exposition = Exposition()

    def test_text(self) -> None:
        """The text format has each sample once, with its kind, and buckets that add up."""
        body, media_type = self.exposition.render(readings(), "")
        self.assertTrue(media_type.startswith("text/plain"), media_type)
        text = body.decode()
        found = {family.name: family for family in text_string_to_metric_families(text)}
        self.assertEqual(
            {name: family.type for name, family in found.items()},
            {
                "wsaas_build_info": "gauge",
                "wsaas_closes": "counter",
                "wsaas_draining": "gauge",
                "wsaas_webhook_duration_seconds": "histogram",
            },
        )
        info = found["wsaas_build_info"].samples[0]
        self.assertEqual(info.labels, {"version": '1"0\\', "python": "3.11", "twisted": "26\n10"})
        buckets = {
            sample.labels["le"]: sample.value
            for sample in found["wsaas_webhook_duration_seconds"].samples
            if sample.name.endswith("_bucket")
        }
        self.assertEqual(buckets, {"0.1": 2, "1.0": 3, "+Inf": 4})
        self.assertIn('wsaas_webhook_duration_seconds_sum{event="message"} 7.65', text)
        self.assertNotIn("_created", text)
        self.assertNotIn("trace_id", text)

    def test_openmetrics(self) -> None:
        """OpenMetrics, if it is asked for, has units, and the trace of a webhook with its moment."""
        body, media_type = self.exposition.render(readings(), f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5")
        self.assertTrue(media_type.startswith("application/openmetrics-text"), media_type)
        text = body.decode()
        self.assertIn("# UNIT wsaas_webhook_duration_seconds seconds\n", text)
        self.assertRegex(text, r'le="1.0"} 3.0 # {trace_id="(ab){16}"} 0.5 1020(\.0)?\n')
        self.assertTrue(text.endswith("# EOF\n"))
        self.assertNotIn("_created", text)

    def test_process(self) -> None:
        """The process and its Python are among the readings."""
        names = {family.name for family in self.exposition.process()}
        self.assertLessEqual({"process_cpu_seconds", "process_open_fds", "process_max_fds", "python_info"}, names)
