"""docs/monitoring.rst is compared with the alerts and the dashboard, docs/metrics.rst with the labels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SynchronousTestCase

from tests.support.pages import tables
from wsaas.telemetry.families import METRICS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "monitoring.rst"
METRICS_PAGE = PAGE.with_name("metrics.rst")
RULES = ROOT / "contrib" / "prometheus" / "wsaas.rules.yml"
DASHBOARD = ROOT / "contrib" / "grafana" / "wsaas.json"
ON_THE_WEB = "https://github.com/wsaas/wsaas/blob/main/docs/monitoring.rst"
SUFFIXES = ("_bucket", "_count", "_sum", "")
PROCESS = {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"}


def alerts() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return rules


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


class PageTests(SynchronousTestCase):
    maxDiff = None

    def test_labels(self) -> None:
        """Each label of a metric stands in the page of metrics with its values, and nothing else does."""
        words = [word for cell, _ in tables(METRICS_PAGE.read_text())["labels"] for word in cell.split(", ")]
        self.assertEqual(set(words), {label for metric in METRICS for label in metric.labels} | {"worker", "node"})

    def test_alerts(self) -> None:
        """Each alert has a section that its runbook_url leads to, with what to do; and no other section is one."""
        text = PAGE.read_text()
        names = [alert["alert"] for alert in alerts()]
        self.assertEqual(re.findall(r"^(Wsaas\w+)\n-+$", text, re.M), names)
        for alert in alerts():
            notes = alert["annotations"]
            self.assertEqual(set(notes), {"summary", "description", "runbook_url"})
            self.assertEqual(notes["runbook_url"], f"{ON_THE_WEB}#{alert['alert'].lower()}")
            self.assertIn(alert["labels"]["severity"], ("critical", "warning"))


class NamesTests(SynchronousTestCase):
    """Each name in the alerts and in the dashboard is one that the gateway exports."""

    def exported(self) -> set[str]:
        names = {
            f"{metric.name}{end}" for metric in METRICS for end in SUFFIXES if end == "" or metric.kind == "histogram"
        }
        return names | PROCESS

    def test_alerts(self) -> None:
        """The alerts' names are exported, and so are those of their tests."""
        for text in (*(alert["expr"] for alert in alerts()), RULES.with_name("wsaas.rules.test.yml").read_text()):
            self.assertEqual(set(re.findall(r"\b(?:wsaas|process)_\w+", text)) - self.exported(), set())

    def test_dashboard(self) -> None:
        """The dashboard's names are exported, and each metric is in it."""
        words = set(re.findall(r"\b(?:wsaas|process)_\w+", DASHBOARD.read_text()))
        self.assertEqual(words - self.exported(), set())
        bare = {re.sub("_(bucket|count|sum)$", "", word) for word in words}
        self.assertEqual({metric.name for metric in METRICS} - bare, set())


class DashboardTests(SynchronousTestCase):
    """The dashboard is of the form that Grafana imports and provisions."""

    def test_panels(self) -> None:
        """Each panel has the data source that is chosen, a place of its own on 24 columns, and a kind that is known."""
        taken: set[tuple[int, int]] = set()
        ids = [panel["id"] for panel in panels()]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in panels():
            place = panel["gridPos"]
            cells = {
                (place["x"] + column, place["y"] + line) for column in range(place["w"]) for line in range(place["h"])
            }
            self.assertEqual((cells & taken, max(column for column, _ in cells) < 24), (set(), True), panel["title"])
            taken |= cells
            if panel["type"] == "row":
                continue
            self.assertIn(panel["type"], ("timeseries", "stat", "heatmap", "table"))
            for source in (panel, *panel["targets"]):
                self.assertEqual(source["datasource"], {"type": "prometheus", "uid": "${datasource}"})

    def test_queries(self) -> None:
        """Each query is of the chosen job and instances, and rates are over the interval that Grafana knows."""
        for panel in panels():
            for target in panel.get("targets", ()):
                expr = target["expr"]
                selectors = re.findall(r"\b(?:wsaas|process)_\w+(\{[^}]*\})?", expr)
                for selector in selectors:
                    self.assertTrue(selector.startswith('{job="$job", instance=~"$instance"'), expr)
                for interval in re.findall(r"\[([^\]]*)\]", expr):
                    self.assertEqual(interval, "$__rate_interval", expr)

    def test_variables(self) -> None:
        """The data source, the job and the instances are chosen in the dashboard."""
        dashboard = json.loads(DASHBOARD.read_text())
        self.assertEqual([each["name"] for each in dashboard["templating"]["list"]], ["datasource", "job", "instance"])
        self.assertEqual((dashboard["uid"], dashboard["schemaVersion"], dashboard["graphTooltip"]), ("wsaas", 39, 1))
        self.assertNotIn("__inputs", dashboard)
