"""A real Prometheus scrapes a gateway, evaluates the alerts of contrib/, and answers the dashboard's queries."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from tests.support.backend_answers import accept, reply
from tests.support.certificates import authority, issue
from tests.support.gateway_process import Gateway, free_port
from tests.support.programs import Program, need
from tests.support.system_case import SystemTestCase, eventually

CONTRIB = Path(__file__).resolve().parents[2] / "contrib"
TOKEN = "a-token-for-prometheus"
PATIENCE = 60.0
INTERVAL = "[10s]"
"""The interval of rates: several scrapes."""


class PrometheusTests(SystemTestCase):
    def setUp(self) -> None:
        super().setUp()
        program = need("prometheus")
        self.place = self.directory()
        self.place.mkdir(parents=True)
        self.gw = self.busy_gateway()
        self.port = free_port()
        rules = self.place / "wsaas.rules.yml"
        rules.write_text((CONTRIB / "prometheus" / "wsaas.rules.yml").read_text())
        config = yaml.safe_load((CONTRIB / "prometheus" / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (job,) = config["scrape_configs"]
        job["authorization"] = {"credentials": TOKEN}
        job["static_configs"] = [{"targets": [f"127.0.0.1:{self.gw.http_port}"]}]
        (self.place / "prometheus.yml").write_text(yaml.safe_dump(config))
        arguments = (
            f"--config.file={self.place / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.place / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        self.prometheus = Program([program, *arguments], self.place)
        self.addCleanup(self.prometheus.stop)
        self.prometheus.wait_for(self.port)
        eventually(lambda: self.get("/-/ready")[0] == 200, PATIENCE)

    def busy_gateway(self) -> Gateway:
        """A gateway with TLS for its clients, on which everything has happened once."""
        certificate = self.place / "both.pem"
        certificate.write_bytes(issue(authority(), ["localhost"]).together)
        self.backend_ = self.backend()
        tls = f"wsaas-tls:{free_port()}:interface=127.0.0.1:certificate={certificate}"
        gateway = Gateway.start(
            self.directory(),
            {"TARGET_ADDRESS": self.backend_.address, "API_TOKEN": TOKEN, "STATE_DIR": "state"},
            make=lambda ws_port, _: ({"WS_ENDPOINT": f"tcp:{ws_port}:interface=127.0.0.1 {tls}"}, None),
        )
        return self.watched(gateway)

    def traffic(self) -> None:
        """Let a client come, speak, be spoken to, and go."""
        stage = self.backend_.stage("/")
        stage.on_connect(accept(groups=["g"]))
        stage.on_message(reply(200, b"pong", [("WSAAS-Reply", "text")]))
        with self.connect(self.gw.ws + "/") as client:
            client.send("ping")
            client.recv()
            self.gw.api.push(stage.connects[-1].id, "hello")
            self.gw.api.request("PUT", "/groups/g", b"hello")
            self.gw.api.request("PUT", "/broadcast", b"hello")
            for _ in range(3):
                client.recv()

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, path: str, **query: str) -> Any:
        """Return what Prometheus's API says."""
        answer = json.loads(self.get(f"/api/v1/{path}?{urlencode(query)}")[1])
        self.assertEqual(answer["status"], "success", answer)
        return answer["data"]

    def test_scraped(self) -> None:
        """The gateway is scraped, each rule is evaluated without an error, each query of the dashboard has a result."""
        instance = f"127.0.0.1:{self.gw.http_port}"
        eventually(lambda: self.ask("query", query='up{job="wsaas"} == 1')["result"], PATIENCE)
        dashboard = json.loads((CONTRIB / "grafana" / "wsaas.json").read_text())
        queries = {target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())}
        for query in list(queries):
            queries.remove(query)
            chosen = query.replace("$job", "wsaas").replace("$instance", instance)
            queries.add(chosen.replace("[$__rate_interval]", INTERVAL))

        def unanswered() -> set[str]:
            self.traffic()
            return {query for query in queries if not self.ask("query", query=query)["result"]}

        eventually(lambda: not unanswered(), PATIENCE)

        def rules() -> list[dict[str, Any]]:
            (group,) = self.ask("rules")["groups"]
            evaluated: list[dict[str, Any]] = group["rules"]
            return evaluated

        eventually(lambda: {rule["health"] for rule in rules()} == {"ok"}, PATIENCE)
        self.assertEqual(
            {rule["name"]: rule["state"] for rule in rules() if rule["state"] != "inactive"},
            {"WsaasCertificateExpires": "pending"},
        )
        (target,) = self.ask("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))
