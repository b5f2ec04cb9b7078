"""Settings of any content: they are settings, or a list of mistakes; never an exception, never a secret.

WSAAS_EXAMPLES=100000 in the environment makes it so many examples of each, other ones each time (some minutes).
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.properties import examples
from tests.thorough.fuzz.inputs import Guard
from wsaas.settings.load import SettingsError, load
from wsaas.settings.table import TABLE

CANARY = "CANARYcanary0123456789"
NAMES = [*TABLE, "API_URI", *(f"{name}_FILE" for name, row in TABLE.items() if row.secret)]
# What an environment can hold: no NUL, and bytes that are not UTF-8 as surrogates (PEP 383).
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    | st.integers(0xDC80, 0xDCFF).map(chr)
    | st.sampled_from("\r\n\t\x1b\x85\u2028:/@%[]\\ ,=0123456789"),
    max_size=30,
)
GOOD = st.sampled_from(
    [
        *("0", "1", "8080", "30000", "65535", "65536", "1_000", "\u0663", "-1", "+5", "9" * 30, "on", "off", "none"),
        *("http://h:1/x", "https://[::1]/", "http://[", "http://h:x", "http://h/%zz", "HTTP://H", "ftp://h", "http://"),
        *(
            "tcp:8080",
            "tcp:99999",
            "tcp6:1:interface=\\:\\:1",
            "unix:/x",
            "ssl:1",
            "wsaas-tls:1",
            "systemd:name=x",
            "tcp",
        ),
        *("wsaas-tls:1:certificate=/none", "haproxy:tcp:1", "x:y:z", "tcp:1 tcp:2", "tcp:1:backlog=x", ":", "\\", "="),
        *("Cookie, X-A", "authorization", "X Y", "10.0.0.0/8 unix", "10.0.0.1/8", "fe80::1%0", "::/129", "1.2.3"),
        *("https://a.example", "https://a:443/", "*", "null *", "https://[::1", "text/plain; charset=utf-8", "x/y;"),
        *("info", "JSON", "./state", "/dev/null", "/", "access_token", "{WS_PORT}", "{0.__class__}", "%s", "a" * 300),
    ]
)


@st.composite
def environments(draw: Any) -> dict[str, str]:
    return {name: draw(GOOD | TEXT) for name in draw(st.lists(st.sampled_from(NAMES), max_size=6))}


@st.composite
def secrets(draw: Any) -> str:
    """Something with the canary in it, that may or may not do for a secret."""
    whsec = "whsec_" + base64.b64encode(CANARY.encode() + b"xyz").decode()
    return str(draw(st.sampled_from(["", "whsec_", "x ", "{0}", "\r\n"]) | TEXT)) + draw(
        st.sampled_from([CANARY, whsec, f"{CANARY} {CANARY}2", CANARY + "\x07", CANARY + "\xe9", whsec + "="])
    )


class SettingsFuzz(SynchronousTestCase):
    def said(self, options: dict[str, str | list[str]], environ: dict[str, str]) -> str:
        """All that is ever shown of these settings."""
        try:
            settings = load(options, environ)
        except SettingsError as error:
            self.assertTrue(error.problems)
            for problem in error.problems:
                self.assertTrue(problem.isprintable(), problem)
            return str(error)
        return "\n".join([*settings.warnings, *map(str, settings.describe()), repr(settings)])

    @examples(500)
    @given(environments(), environments())
    @example({"WS_ENDPOINT": "x:y:z tcp"}, {})
    def test_anything(self, environ: dict[str, str], options: dict[str, str]) -> None:
        """Whatever is set, there are settings, or lines that say what is wrong, one line each."""
        with Guard():
            self.said(
                {name: [text] if name in TABLE and TABLE[name].repeats else text for name, text in options.items()},
                environ,
            )

    @examples(300)
    @given(environments(), secrets(), st.sampled_from(["API_TOKEN", "WEBHOOK_SECRET"]), st.booleans(), st.booleans())
    def test_secrets(self, environ: dict[str, str], secret: str, name: str, file: bool, option: bool) -> None:
        """Whatever else is wrong, and wherever it comes from, no message and no listing repeats a secret."""
        environ = {key: text for key, text in environ.items() if not key.startswith(name)}
        key, text = name, secret
        if file:
            path = Path(self.mktemp())
            path.write_text(secret, errors="surrogateescape")
            key, text = f"{name}_FILE", str(path)
        given: dict[str, str] = {key: text}
        with Guard():
            said = self.said(dict(given), environ) if option else self.said({}, environ | given)
        for part in (CANARY, base64.b64encode(CANARY.encode())[:24].decode()):
            self.assertNotIn(part, said)

    @examples(200)
    @given(
        st.sampled_from(["TARGET_ADDRESS", "LOCAL_ADDRESS", "API_URI"]), TEXT, st.sampled_from(["http", "https", "x"])
    )
    def test_passwords(self, name: str, noise: str, scheme: str) -> None:
        """A password in a URL, which is refused there, is not repeated either."""
        noise = "".join(char for char in noise if char not in "/@" and not char.isspace())
        said = self.said({}, {name: f"{scheme}://user:{CANARY}{noise}@host/path"})
        self.assertNotIn(CANARY, said)
