"""docs/webhooks.rst: the examples that verify signatures, run by Python, Node and Go."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, ClassVar

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.signatures import OTHER, PUBLISHED, signed
from tests.support.source import ROOT

PAGE = ROOT / "docs" / "webhooks.rst"


def example(language: str) -> str:
    """The page's example in that language."""
    found = re.search(rf"^\.\. code-block:: {language}\n\n((?:(?:    .*)?\n)+)", PAGE.read_text(), re.MULTILINE)
    assert found is not None, f"{PAGE} has no example in {language}"
    return re.sub(r"^    ", "", found[1], flags=re.MULTILINE)


Case = tuple[dict[str, str], bytes, bool]


def cases() -> list[Case]:
    """Headers, body, and whether they are genuine to who knows PUBLISHED."""
    now = time.time()
    every = bytes(range(256))
    good = signed([PUBLISHED], every)
    forged = base64.b64encode(bytes(32)).decode()
    return [
        (good, every, True),
        (signed([PUBLISHED], b""), b"", True),
        (signed([OTHER, PUBLISHED], b"{}"), b"{}", True),
        (signed([PUBLISHED, OTHER], b"{}"), b"{}", True),
        (signed([PUBLISHED], b"{}", now - 240), b"{}", True),
        (signed([PUBLISHED], b"{}", now - 360), b"{}", False),
        (signed([PUBLISHED], b"{}", now + 360), b"{}", False),
        (signed([OTHER], b"{}"), b"{}", False),
        (good, every + b".", False),
        (good | {"webhook-id": "id_2_message"}, every, False),
        (good | {"webhook-timestamp": str(int(now) + 1)}, every, False),
        (good | {"webhook-timestamp": ""}, every, False),
        (good | {"webhook-timestamp": "now"}, every, False),
        (good | {"webhook-signature": ""}, every, False),
        (good | {"webhook-signature": f"v1,{forged}"}, every, False),
        (good | {"webhook-signature": good["webhook-signature"][3:]}, every, False),
        (good | {"webhook-signature": "v1a" + good["webhook-signature"][2:]}, every, False),
        (good | {"webhook-signature": "v1,é" + good["webhook-signature"][4:]}, every, False),
        ({}, every, False),
    ]


def as_json() -> str:
    coded = [(headers, base64.b64encode(body).decode()) for headers, body, _ in cases()]
    return json.dumps({"secret": PUBLISHED, "cases": coded})


JAVASCRIPT = """
const { secret, cases } = JSON.parse(require('node:fs').readFileSync(0))
console.log(JSON.stringify(cases.map(([headers, body]) => isGenuine(secret, headers, Buffer.from(body, 'base64')))))
"""
GO = """
func main() {
    var given struct {
        Secret string
        Cases  [][2]json.RawMessage
    }
    if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil {
        panic(err)
    }
    key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(given.Secret, "whsec_"))
    found := []bool{}
    for _, each := range given.Cases {
        var headers map[string]string
        var body []byte
        json.Unmarshal(each[0], &headers)
        json.Unmarshal(each[1], &body)
        header := http.Header{}
        for name, value := range headers {
            header.Set(name, value)
        }
        found = append(found, isGenuine(key, header, body))
    }
    json.NewEncoder(os.Stdout).Encode(found)
}
"""


class ExampleTests(SynchronousTestCase):
    """docs/webhooks.rst: each example knows the genuine webhooks from all the others."""

    expected: ClassVar = [genuine for _, _, genuine in cases()]

    def ran(self, name: str, source: str, *command: str) -> Any:
        program = shutil.which(command[0])
        if program is None:
            raise SkipTest(f"there is no {command[0]} here")
        path = Path(self.mktemp()).resolve()
        path.mkdir()
        path.joinpath(name).write_text(source)
        run = subprocess.run(
            [program, *command[1:], name],
            cwd=path,
            env={**os.environ, "HOME": str(path)},  # where Go keeps its cache
            input=as_json(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        return json.loads(run.stdout)

    def test_python(self) -> None:
        """The Python example."""
        names: dict[str, Any] = {}
        exec(example("python"), names)
        found = [bool(names["is_genuine"](PUBLISHED, headers, body)) for headers, body, _ in cases()]
        self.assertEqual(found, self.expected)

    def test_javascript(self) -> None:
        """The JavaScript example, run by Node."""
        self.assertEqual(self.ran("example.js", example("javascript") + JAVASCRIPT, "node"), self.expected)

    def test_go(self) -> None:
        """The Go example, run by Go."""
        imports = '    "encoding/json"\n    "os"\n)'
        source = "package main\n\n" + example("go").replace(")", imports, 1) + GO
        self.assertEqual(self.ran("example.go", source, "go", "run"), self.expected)

    def test_five_lines(self) -> None:
        """Python and JavaScript take five lines, as the page says."""
        for language, first in (("python", "def is_genuine"), ("javascript", "function isGenuine")):
            body = example(language).split(first)[1].strip().splitlines()[1:]
            self.assertEqual(len([line for line in body if line.strip() != "}"]), 5, language)
