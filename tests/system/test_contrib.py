"""contrib/: what can be known of the deployment files without systemd, Docker and Kubernetes running here."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import yaml
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.gateway_process import free_port
from tests.support.promtool import promtool
from tests.support.system_case import SystemTestCase
from wsaas.api.access import OPEN_TO_ALL
from wsaas.service.lifecycle import LAST_WORDS
from wsaas.settings.load import load
from wsaas.settings.sources import FILE
from wsaas.settings.table import TABLE, Settings

ROOT = Path(__file__).resolve().parents[2]
CONTRIB = ROOT / "contrib"
TOKEN, SECRET = "0123456789abcdef", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class PrometheusTests(SynchronousTestCase):
    """The alerts, judged by Prometheus's own tool."""

    place = CONTRIB / "prometheus"

    def test_files(self) -> None:
        """The configuration and the rules are sound."""
        self.assertEqual(promtool("check", "config", str(self.place / "prometheus.yml")), "")
        self.assertEqual(promtool("check", "rules", str(self.place / "wsaas.rules.yml")), "")

    def test_rules(self) -> None:
        """Each alert fires when it should, says what it is about, and is quiet before."""
        tests = self.place / "wsaas.rules.test.yml"
        self.assertEqual(promtool("test", "rules", str(tests)), "")
        rules = yaml.safe_load(self.place.joinpath("wsaas.rules.yml").read_text())["groups"][0]["rules"]
        tested = {
            case["alertname"]
            for each in yaml.safe_load(tests.read_text())["tests"]
            for case in each["alert_rule_test"]
            if case["exp_alerts"]
        }
        self.assertEqual(tested, {rule["alert"] for rule in rules})


class SystemdTests(SynchronousTestCase):
    services = ("wsaas.service", "wsaas@.service")
    units = (*services, "wsaas-clients.socket", "wsaas-api.socket")

    def entries(self, unit: str) -> list[tuple[str, str]]:
        """Every `Name=value` of a unit, in order; a name may be there more than once."""
        lines = CONTRIB.joinpath("systemd", unit).read_text().splitlines()
        return [(name, value) for name, _, value in (line.partition("=") for line in lines) if value and name[0] != "#"]

    def value(self, unit: str, name: str) -> str:
        [value] = [value for each, value in self.entries(unit) if each == name]
        return value

    def environment(self, unit: str = "wsaas.service") -> dict[str, str]:
        pairs = (value.partition("=") for name, value in self.entries(unit) if name == "Environment")
        return {name: value.replace("%S", "/var/lib") for name, _, value in pairs}

    def installed(self) -> Path:
        """The units in a directory, with a program that exists here."""
        place = Path(self.mktemp()).resolve()
        place.mkdir()
        for unit in self.units:
            text = CONTRIB.joinpath("systemd", unit).read_text()
            place.joinpath(unit.replace("@.", "@1.")).write_text(text.replace("/opt/wsaas/bin/wsaas", sys.executable))
        return place

    def analyze(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        program = shutil.which("systemd-analyze")
        if program is None:
            raise SkipTest("there is no systemd-analyze here")
        return subprocess.run([program, *arguments], cwd=self.installed(), capture_output=True, text=True, check=False)

    def test_verify(self) -> None:
        """systemd finds nothing wrong with the units, not even a word that it does not know."""
        units = (f"./{unit}".replace("@.", "@1.") for unit in self.units)
        verified = self.analyze("verify", "--man=no", *units)
        self.assertEqual((verified.returncode, verified.stderr), (0, ""))

    def test_security(self) -> None:
        """systemd's own judgement of the sandbox is 2 or better, of 10, where 10 is none at all."""
        for unit in ("wsaas.service", "wsaas@1.service"):
            judged = self.analyze("security", "--offline=true", "--threshold=20", f"./{unit}")
            if "unrecognized option" in judged.stderr:
                raise SkipTest("this systemd-analyze cannot judge files")
            self.assertEqual(judged.returncode, 0, judged.stdout[-500:] + judged.stderr)

    def test_settings(self) -> None:
        """The settings of the services are settings, and right ones."""
        for unit in self.services:
            environment = self.environment(unit)
            self.assertEqual(set(environment) - set(TABLE), set())
            settings = load({}, environment)
            self.assertEqual((settings.warnings, settings.state_dir), ((), "/var/lib/wsaas"))

    def test_template(self) -> None:
        """An instance of the template is the worker of its number. All have one user, one directory, and open
        the ports themselves; sandbox and limits are those of the service.
        """
        template, service = dict(self.entries("wsaas@.service")), dict(self.entries("wsaas.service"))
        self.assertEqual(template["ExecStart"], f"{service['ExecStart']} --worker=%i")
        self.assertEqual((template["User"], template["StateDirectory"]), ("wsaas", "wsaas"))
        settings = load({}, self.environment("wsaas@.service"))
        self.assertEqual((settings.workers, settings.ws_endpoint, settings.http_endpoint), (4, (), ()))
        own = {"Description", "Requires", "After", "Conflicts", "ExecStart", "User", "Environment", "Also"}
        self.assertEqual(
            [each for each in self.entries("wsaas@.service") if each[0] not in own],
            [each for each in self.entries("wsaas.service") if each[0] not in own],
        )

    def test_sockets(self) -> None:
        """The endpoints are the sockets of the units, by name and kind, and the service needs both."""
        environment = self.environment()
        for setting, unit, domain in (
            ("WS_ENDPOINT", "wsaas-clients.socket", "INET6"),
            ("HTTP_ENDPOINT", "wsaas-api.socket", "INET"),
        ):
            name = self.value(unit, "FileDescriptorName")
            self.assertEqual(environment[setting], f"systemd:domain={domain}:name={name}")
            self.assertEqual(self.value(unit, "ListenStream").startswith("["), domain == "INET6")
            self.assertEqual(self.value(unit, "Service"), "wsaas.service")
            self.assertIn(unit, self.value("wsaas.service", "Requires").split())
            self.assertIn(unit, self.value("wsaas.service", "After").split())
        self.assertTrue(self.value("wsaas-api.socket", "ListenStream").startswith("127.0.0.1:"))

    def test_time_to_stop(self) -> None:
        """systemd waits for the drain."""
        for unit in self.services:
            drain = load({}, self.environment(unit)).drain_timeout
            self.assertGreaterEqual(float(self.value(unit, "TimeoutStopSec")), drain + LAST_WORDS)


class DockerTests(SystemTestCase):
    def steps(self) -> list[tuple[str, str]]:
        """The Dockerfile's instructions, continued lines joined."""
        text = CONTRIB.joinpath("docker", "Dockerfile").read_text().replace("\\\n", " ")
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]

    def last(self, instruction: str) -> str:
        return [rest for word, rest in self.steps() if word == instruction][-1]

    def test_instructions(self) -> None:
        """Each line is an instruction; the image is slim and its process nobody's root, told to stop by SIGTERM."""
        known = "FROM RUN CMD EXPOSE ENV COPY ENTRYPOINT VOLUME USER WORKDIR STOPSIGNAL HEALTHCHECK".split()
        for word, rest in self.steps():
            self.assertIn(word, known)
            if word == "FROM":
                self.assertIn("-slim", rest)
        self.assertEqual(self.steps()[0][0], "FROM")
        self.assertRegex(self.last("USER"), "^[1-9][0-9]+:[1-9][0-9]+$")
        self.assertEqual(self.last("STOPSIGNAL"), "SIGTERM")
        self.assertEqual([*json.loads(self.last("ENTRYPOINT")), *json.loads(self.last("CMD"))], ["wsaas", "run"])

    def test_all_that_is_built_from(self) -> None:
        """The files that the Dockerfile copies exist, and the package is built from no others."""
        copied = {name for word, rest in self.steps() if word == "COPY" for name in rest.split()[:-1]} - {
            "--from=build",
            "/opt/wsaas",
        }
        self.assertEqual([name for name in copied if not ROOT.joinpath(name).exists()], [])
        config = ConfigParser()
        config.read(ROOT / "setup.cfg")
        needed = {package.split(".")[0] for package in config["options"]["packages"].split()}
        metadata = config["metadata"]
        needed |= {metadata["license_files"], metadata["long_description"].removeprefix("file: ")}
        self.assertEqual(copied, {*needed, "setup.cfg", "pyproject.toml"})

    def test_environment(self) -> None:
        """The settings of the image are settings."""
        names = {each.split("=")[0] for each in shlex.split(self.last("ENV"))}
        self.assertEqual(names - set(TABLE), {"PATH", "PYTHONUNBUFFERED"})

    def test_health(self) -> None:
        """The health check, which needs nothing but Python, is content with a gateway that runs, and only with that."""
        command = json.loads(self.last("HEALTHCHECK").partition("CMD ")[2])
        self.assertEqual(command[0], "python")

        def check(port: int) -> int:
            environ = {**os.environ, "HTTP_PORT": str(port)}
            run = subprocess.run([sys.executable, *command[1:]], env=environ, capture_output=True, check=False)
            return run.returncode

        gateway = self.gateway(self.backend(), API_TOKEN=TOKEN)
        self.assertEqual(check(gateway.http_port), 0)
        self.assertEqual(check(free_port()), 1)

    def test_compose(self) -> None:
        """The compose file builds the Dockerfile, its settings are right, and its grace is longer than the drain."""
        path = CONTRIB / "docker" / "compose.yaml"
        service = yaml.safe_load(path.read_text())["services"]["gateway"]
        build = service["build"]
        context = (path.parent / build["context"]).resolve()
        self.assertEqual((context, context / build["dockerfile"]), (ROOT, CONTRIB / "docker" / "Dockerfile"))
        settings = load({}, {**service["environment"], "API_TOKEN": TOKEN})
        self.assertEqual(settings.warnings, ())
        self.assertGreaterEqual(seconds(service["stop_grace_period"]), settings.drain_timeout + LAST_WORDS)
        self.assertEqual(service["command"], ["run", "--demo"])

    def test_cluster(self) -> None:
        """The compose file of a cluster has two gateways of one engine, each with its address and right settings."""
        path = CONTRIB / "docker" / "cluster.yaml"
        services = yaml.safe_load(path.read_text())["services"]
        for name in ("gateway1", "gateway2"):
            service = services[name]
            settings = load({}, {**service["environment"], "API_TOKEN": TOKEN})
            self.assertEqual([each for each in settings.warnings if "TLS" not in each and "password" not in each], [])
            assert settings.cluster is not None
            self.assertEqual(settings.cluster.hosts, (("engine", 6379),))
            self.assertEqual((settings.cluster_address, settings.node), (f"http://{name}:8082", name))
            self.assertGreaterEqual(seconds(service["stop_grace_period"]), settings.drain_timeout + LAST_WORDS)


def seconds(text: str) -> float:
    found = re.fullmatch("([0-9]+)s", text)
    assert found is not None, text
    return float(found[1])


class KubernetesTests(SynchronousTestCase):
    def objects(self, kind: str) -> dict[str, Any]:
        text = CONTRIB.joinpath("kubernetes", "wsaas.yaml").read_text()
        return {each["metadata"]["name"]: each["spec"] for each in yaml.safe_load_all(text) if each["kind"] == kind}

    def pod(self) -> dict[str, Any]:
        pod: dict[str, Any] = self.objects("StatefulSet")["wsaas"]["template"]["spec"]
        return pod

    def settings(self) -> Settings:
        environ = {each["name"]: each.get("value", "") for each in self.pod()["containers"][0]["env"]}
        self.assertEqual((environ.pop("POD_NAME"), environ.pop("ENGINE_PASSWORD")), ("", ""))
        self.assertEqual({name.removesuffix(FILE) for name in environ} - set(TABLE), set())
        for name in ("LOCAL_ADDRESS", "CLUSTER_ADDRESS", "NODE"):
            environ[name] = environ[name].replace("$(POD_NAME)", "wsaas-0")
        environ["CLUSTER"] = environ["CLUSTER"].replace("$(ENGINE_PASSWORD)", "secret")
        return load({}, {**environ, "API_TOKEN": TOKEN, "WEBHOOK_SECRET": SECRET})

    def test_settings(self) -> None:
        """The settings are right, and the backend is told each gateway's own name, one of the headless service."""
        settings = self.settings()
        self.assertEqual([each for each in settings.warnings if "without TLS" not in each], [])
        service = self.objects("Service")["wsaas-api"]
        self.assertEqual(service["clusterIP"], "None")
        self.assertEqual(self.objects("StatefulSet")["wsaas"]["serviceName"], "wsaas-api")
        self.assertEqual(settings.local_address, f"http://wsaas-0.wsaas-api:{service['ports'][0]['port']}")

    def test_probes(self) -> None:
        """The probes are those that need no token, on the port of the API."""
        [container] = self.pod()["containers"]
        ports = {each["name"]: each["containerPort"] for each in container["ports"]}
        settings = self.settings()
        nodes = int(settings.cluster_endpoint[0].split(":")[1])
        self.assertEqual(ports, {"clients": settings.ws_port, "api": settings.http_port, "nodes": nodes})
        self.assertEqual(settings.cluster_address, f"http://wsaas-0.wsaas-api:{nodes}")
        asked = [container[probe]["httpGet"] for probe in ("livenessProbe", "readinessProbe")]
        self.assertEqual([each["path"] for each in asked], ["/-/healthy", "/-/ready"])
        self.assertEqual({each["path"].encode() for each in asked}, OPEN_TO_ALL)
        self.assertEqual({each["port"] for each in asked}, {"api"})

    def test_engine(self) -> None:
        """The engine is where the gateways look for it, with their password; one gateway stops at a time."""
        text = CONTRIB.joinpath("kubernetes", "engine.yaml").read_text()
        objects = {each["kind"]: each for each in yaml.safe_load_all(text)}
        address = self.settings().cluster
        assert address is not None
        self.assertEqual(address.hosts, ((objects["Service"]["metadata"]["name"], 6379),))
        pod = objects["Deployment"]["spec"]["template"]
        [container] = pod["spec"]["containers"]
        self.assertEqual(objects["Service"]["spec"]["selector"], pod["metadata"]["labels"])
        self.assertIn("noeviction", container["args"])
        mine = [each["valueFrom"] for each in container["env"]]
        theirs = [each.get("valueFrom") for each in self.pod()["containers"][0]["env"]]
        self.assertIn(mine[0], theirs)
        self.assertEqual(self.objects("PodDisruptionBudget")["wsaas"]["maxUnavailable"], 1)

    def test_time_to_stop(self) -> None:
        """Kubernetes waits for the pause and the drain."""
        pod = self.pod()
        command, pause = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(command, "sleep")
        least = int(pause) + self.settings().drain_timeout + LAST_WORDS
        self.assertGreaterEqual(pod["terminationGracePeriodSeconds"], least)

    def test_names(self) -> None:
        """Labels, ports and volumes that are named are there; nobody is root."""
        pod, [container] = self.pod(), self.pod()["containers"]
        labels = self.objects("StatefulSet")["wsaas"]["template"]["metadata"]["labels"]
        ports = {each["name"] for each in container["ports"]}
        for service in self.objects("Service").values():
            self.assertEqual(service["selector"], labels)
            self.assertLessEqual({each["targetPort"] for each in service["ports"]}, ports)
        policy = self.objects("NetworkPolicy")["wsaas"]
        self.assertEqual(policy["podSelector"]["matchLabels"], labels)
        self.assertEqual({port["port"] for rule in policy["ingress"] for port in rule["ports"]}, ports)
        claims = {each["metadata"]["name"] for each in self.objects("StatefulSet")["wsaas"]["volumeClaimTemplates"]}
        [mounted] = container["volumeMounts"]
        self.assertEqual({mounted["name"]}, claims)
        state = self.settings().state_dir
        assert state is not None
        self.assertTrue(state.startswith(mounted["mountPath"] + "/"))
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
