"""/-/openapi.json: valid, and the same as the routes, the tables of docs/protocol.rst and what the gateway answers."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from openapi_spec_validator import validate
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.support.api_case import ApiCase
from tests.support.api_fakes import HERE
from tests.support.pages import ROOT, protocol
from wsaas.api.access import Access
from wsaas.api.app import Api
from wsaas.api.documents import add_document_routes, document
from wsaas.cluster.claim_route import add_claim_route
from wsaas.core.counters import Counters
from wsaas.internals.reactor_tuning import Turns
from wsaas.internals.signals import Signals
from wsaas.service.assembly import assemble
from wsaas.settings.load import load

TABLES = protocol()
PROBES = ("/-/healthy", "/-/ready")
PAGE = "/-/console"
PARTS_OF_THE_PAGE = ("/-/console/", "/-/console/<path:name>")
"""Files of the console, which are no part of the API."""
OF_ROUTES = {
    "<id:id>_<name:rest>": "{webhook-id}",
    "<id:id>": "{id}",
    "<name:id>": "{id}",
    "<name:group>": "{group}",
    "<name:prefix>": "{prefix}",
}
"""The variable parts of routes, and their names in the document."""
Schema = dict[str, Any]


def openapi() -> Schema:
    return document("openapi.json")


def operations() -> dict[str, Schema]:
    """The operations of the document by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in openapi()["paths"].items()
        for method, operation in methods.items()
    }


def statuses(cell: str) -> set[str]:
    """The statuses of a cell; 101 is the client's."""
    return set(re.findall(r"\b[2-5]\d\d\b", cell))


def rules(site: Any) -> list[Any]:
    """The routes of a site, behind its gate."""
    while not hasattr(site, "_app"):
        site = site._inside
    return list(site._app.url_map.iter_rules())


class DocumentTests(SynchronousTestCase):
    def test_valid(self) -> None:
        """The document is valid by the specification; each operation has an id of its own and a known tag."""
        validate(openapi())
        webhooks = [each for methods in openapi()["webhooks"].values() for each in methods.values()]
        every = [*operations().values(), *webhooks]
        self.assertEqual(len({each["operationId"] for each in every}), len(every))
        self.assertLessEqual(
            {tag for each in every for tag in each["tags"]}, {tag["name"] for tag in openapi()["tags"]}
        )

    def test_rows(self) -> None:
        """Its operations are the rows of the tables of requests, no more and no fewer."""
        rows = {row[0].partition("?")[0] for row in TABLES["requests"]}
        rows |= {row[0] for row in TABLES["aws"] if "@" in row[0]}
        self.assertEqual(set(operations()), rows)

    def test_routes(self) -> None:
        """Its operations are the routes of a whole gateway, one of a cluster included, no more and no fewer."""
        reactor: Any = MemoryReactorClock()
        settings = load({}, {"STATE_DIR": "none", "CONSOLE": "payloads"})
        assemble(reactor, settings, False, Signals(), Turns()).privilegedStartService()
        of_node = Api(Access(()), Counters())
        claims: Any = None
        add_claim_route(of_node, claims)
        found = set()
        for rule in [*rules(reactor.tcpServers[0][1].resource), *rules(of_node.resource())]:
            path = rule.rule
            for part, name in OF_ROUTES.items():
                path = path.replace(part, name)
            if not path.startswith("/<stage:") and path not in PARTS_OF_THE_PAGE:
                found |= {f"{method} {path}" for method in rule.methods - {"HEAD", "OPTIONS"}}
        self.assertEqual(set(operations()), found)

    def test_examples(self) -> None:
        """Each body and each parameter has an example, as importers need it, and it is valid."""
        webhooks = [each for methods in openapi()["webhooks"].values() for each in methods.values()]
        for operation in [*operations().values(), *webhooks]:
            holders = [operation.get("requestBody", {}), *operation["responses"].values()]
            parts = [(kind, part) for holder in holders for kind, part in holder.get("content", {}).items()]
            parts += [(parameter["name"], parameter) for parameter in operation.get("parameters", [])]
            for kind, part in parts:
                if kind != "application/octet-stream":
                    self.assertIn("example", part, (operation["operationId"], kind))
                    # With the components in it, references lead somewhere.
                    validator = Draft202012Validator({**part["schema"], "components": openapi()["components"]})
                    self.assertEqual(list(validator.iter_errors(part["example"])), [], (operation["operationId"], kind))

    def test_headers_of_webhooks(self) -> None:
        """The headers that it names are those of the protocol, and each webhook has its own event and webhook-id."""
        documented = {row[0] for row in TABLES["headers"]}
        for name, methods in openapi()["webhooks"].items():
            for operation in methods.values():
                examples = {each["name"]: each["example"] for each in operation["parameters"]}
                self.assertLessEqual(set(examples), documented)
                self.assertEqual(examples["WSAAS-Event"], name)
                self.assertTrue(examples["webhook-id"].endswith(f"_{name}"), name)

    def test_statuses(self) -> None:
        """Each operation has the statuses of its row, and those of a missing token and a wrong Host."""
        for row in TABLES["requests"]:
            path = row[0].partition(" ")[2].partition("?")[0]
            of_all = set() if path in PROBES else {"403"} if path == PAGE else {"401", "403"}
            found = set(operations()[row[0].partition("?")[0]]["responses"])
            if not row[0].startswith("PUT /{id}?"):
                self.assertEqual(statuses(row[2]) | of_all, found, row[0])
        by_name = {row[0]: row[1] for row in TABLES["aws"]}
        for key, more in (
            ("POST", ("PayloadTooLarge", "UnsupportedMediaType", "LimitExceeded")),
            ("GET", ()),
            ("DELETE", ()),
        ):
            names = [f"{name}Exception" for name in ("Forbidden", "Gone", *more)]
            wanted = {by_name[f"{key} /@connections/{{id}}"], *(by_name[name] for name in names)}
            self.assertEqual(set(operations()[f"{key} /@connections/{{id}}"]["responses"]), wanted)

    def test_plain(self) -> None:
        """Its texts are plain: they have no markup, and point to nothing that is not in the document."""
        for text in re.findall(r'"(?:summary|description)": "(.*)"', json.dumps(openapi(), indent=1)):
            self.assertNotRegex(text, "`|:doc:|<string>|see below|as above")

    def test_members(self) -> None:
        """Its objects have the members of the tables: facts, errors, and the bodies of webhooks."""
        schemas = openapi()["components"]["schemas"]
        for schema, table in (
            ("Connection", "facts"),
            ("Connect", "connect-body"),
            ("Refresh", "refresh-body"),
            ("Disconnect", "disconnect-body"),
        ):
            self.assertEqual(list(schemas[schema]["properties"]), [row[0] for row in TABLES[table]])
        self.assertEqual(list(schemas["Accept"]["properties"]), ["code", *(row[0] for row in TABLES["accept"])])
        self.assertEqual(schemas["Error"]["properties"]["code"]["enum"], [row[0] for row in TABLES["errors"]])
        causes = [row[0] for row in TABLES["causes"]]
        self.assertEqual(schemas["Disconnect"]["properties"]["cause"]["enum"], causes)
        self.assertEqual(set(openapi()["webhooks"]), {"connect", "message", "messages", "refresh", "disconnect"})


class AsyncTests(SynchronousTestCase):
    document = document("asyncapi.json")

    def test_valid(self) -> None:
        """The document is valid by the schema of AsyncAPI 3.0.0, and each reference leads somewhere."""
        schema = json.loads((ROOT / "tests" / "schemas" / "asyncapi-3.0.0.json").read_text())
        validator = validator_for(schema)(schema)
        self.assertEqual([error.message for error in validator.iter_errors(self.document)], [])
        wrong = deepcopy(self.document)
        wrong["channels"]["clients"]["bindings"]["ws"]["nonsense"] = True
        self.assertFalse(validator.is_valid(wrong))
        for reference in re.findall(r'"\$ref": "#/([^"]*)"', json.dumps(self.document)):
            found: Any = self.document
            for part in reference.split("/"):
                found = found[part]

    def test_same(self) -> None:
        """Its webhooks are those of the other document, with the same methods and the same members."""
        schemas = openapi()["components"]["schemas"]
        for name, schema in self.document["components"]["schemas"].items():
            self.assertEqual(schema, schemas[name])
        methods = {
            name.removeprefix("on").lower(): operation["bindings"]["http"]["method"].lower()
            for name, operation in self.document["operations"].items()
            if name.startswith("on")
        }
        self.assertEqual(methods, {name: next(iter(hook)) for name, hook in openapi()["webhooks"].items()})


class AnswerTests(ApiCase):
    def setUp(self) -> None:
        super().setUp()
        add_document_routes(self.api)

    def test_served(self) -> None:
        """GET returns the documents."""
        for name, version in (("openapi", "3.1.1"), ("asyncapi", "3.0.0")):
            got = self.ask("GET", f"-/{name}.json")
            self.assertEqual((got.status, got.json[name]), (200, version))

    def test_answers(self) -> None:
        """Answers of the API are as the document says."""
        for method, path, key, name in (
            ("GET", HERE, "GET /{id}", "Connection"),
            ("PUT", HERE, "PUT /{id}", "Done"),
            ("GET", "connections", "GET /connections", "Connections"),
            ("GET", "A" * 32, "GET /{id}", "Error"),
            ("DELETE", f"{HERE}?code=1", "DELETE /{id}", "Error"),
        ):
            got = self.ask(method, path, b"hi" if method == "PUT" else None)
            self.assertIn(str(got.status), operations()[key]["responses"])
            Draft202012Validator(openapi()["components"]["schemas"][name]).validate(got.json)
