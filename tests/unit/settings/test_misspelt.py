"""wsaas.settings.misspelt: names that are nearly a setting's are told, those of other programs are not."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.support.environments import usual
from tests.support.properties import examples
from wsaas.settings.load import SettingsError, load
from wsaas.settings.misspelt import distance
from wsaas.settings.sources import FILE
from wsaas.settings.table import TABLE

KNOWN = [*TABLE, "API_URI", *(name + FILE for name, row in TABLE.items() if row.secret)]


class NearMissTests(SynchronousTestCase):
    def warnings(self, *names: str, **environ: str) -> tuple[str, ...]:
        return load({}, dict.fromkeys(names, "some value of it") | environ).warnings

    def test_misspelt(self) -> None:
        """A name with a letter wrong, missing, doubled or in another place is told, with the right one."""
        for name, right in {
            "TARGET_ADRESS": "TARGET_ADDRESS",
            "TAGRET_ADDRESS": "TARGET_ADDRESS",
            "WEBHOOK_SECERT": "WEBHOOK_SECRET",
            "WEBHOOK_SECERT_FILE": "WEBHOOK_SECRET_FILE",
            "API_TOKKEN": "API_TOKEN",
            "WS_PROT": "WS_PORT",
            "WS_TIMOUT": "WS_TIMEOUT",
            "MAX_CONECTIONS_PER_ADRESS": "MAX_CONNECTIONS_PER_ADDRESS",
            "MAX_CONNECTION": "MAX_CONNECTIONS",
            "ALLOWED_ORIGIN": "ALLOWED_ORIGINS",
            "TRUSTED_PROXY": "TRUSTED_PROXIES",
            "TARGETADDRESS": "TARGET_ADDRESS",
            "target_address": "TARGET_ADDRESS",
            "Target-Address": "TARGET_ADDRESS",
            "target.address": "TARGET_ADDRESS",
            "TARGET_KEY_FILE": "TARGET_KEY",
        }.items():
            self.assertEqual(self.warnings(name), (f"{name} is no setting and has no effect: did you mean {right}?",))

    def test_every_setting(self) -> None:
        """Two letters that changed places are seen in every name that has more than six."""
        for right in KNOWN:
            if len(right) > 6:
                name = right[:-3] + right[-2] + right[-3] + right[-1]
                if name != right:
                    self.assertIn(f"did you mean {right}?", "".join(self.warnings(name)), name)

    def test_behind_our_prefix(self) -> None:
        """A setting behind WSAAS_, which settings do not have, is told, misspelt or not."""
        for name in ("WSAAS_TARGET_ADDRESS", "WSAAS_TARGET_ADRESS", "wsaas_target_address"):
            self.assertEqual(
                self.warnings(name),
                (f"{name} is no setting and has no effect: the name is TARGET_ADDRESS, without WSAAS_",),
            )
        self.assertIn("the name is API_TOKEN_FILE, ", self.warnings("WSAAS_API_TOKEN_FILE")[0])

    def test_behind_our_prefix_as_well(self) -> None:
        """A variable from which a compose file takes a setting's value causes no warning."""
        for name in ("TARGET_ADDRESS", "API_URI"):
            self.assertEqual(self.warnings(WSAAS_TARGET_ADDRESS="http://b", **{name: " http://b"}), ())
        self.assertEqual(self.warnings(WSAAS_TARGET_ADDRESS="b", TARGET_ADDRESS="http://b:3000"), ())
        self.assertEqual(self.warnings(WSAAS_API_TOKEN="0123456789abcdef", API_TOKEN="0123456789abcdef"), ())
        token = self.mktemp()
        with open(token, "w", encoding="utf-8") as file:
            file.write("0123456789abcdef")
        os.chmod(token, 0o600)
        self.assertEqual(self.warnings(WSAAS_API_TOKEN_FILE=token, API_TOKEN_FILE=token), ())
        # But a misspelt name may be meant to replace one that an image brings along.
        self.assertEqual(len(self.warnings("TARGET_ADRESS", TARGET_ADDRESS="http://b")), 1)

    def test_behind_our_prefix_with_another_value(self) -> None:
        """A setting that is given with and without WSAAS_, with two values, is told: the first one has no effect."""
        for name in ("TARGET_ADDRESS", "API_URI"):
            (warning,) = self.warnings(WSAAS_TARGET_ADDRESS="http://new", **{name: "http://old"})
            self.assertIn("WSAAS_TARGET_ADDRESS is no setting and has no effect", warning)
        (warning,) = load({"WS_PORT": "80"}, {"WSAAS_WS_PORT": "90"}).warnings
        self.assertIn("the name is WS_PORT, without WSAAS_", warning)

    def test_other_programs(self) -> None:
        """No variable of a shell, of systemd, Docker, Kubernetes, a CI, a platform or a framework is taken for ours."""
        environ = usual()
        self.assertGreater(len(environ), 1000)
        self.assertEqual([name for name in environ if name in KNOWN], ["CLUSTER_NAME"])
        (warning,) = load({}, environ).warnings
        self.assertTrue(warning.startswith("CLUSTER_NAME has no effect"), warning)

    def test_empty(self) -> None:
        """An empty variable causes no warning: it has no effect under the right name either."""
        self.assertEqual(self.warnings(TARGET_ADRESS=""), ())

    def test_with_mistakes(self) -> None:
        """A setting that is missing because its name is misspelt is told together with the mistakes that this makes."""
        with self.assertRaises(SettingsError) as caught:
            load({}, {"FORWARD_HEADERS": "Cookie", "ALOWED_ORIGINS": "https://a.example"})
        self.assertEqual(len(caught.exception.problems), 1)
        [warning] = caught.exception.warnings
        self.assertIn("did you mean ALLOWED_ORIGINS?", warning)

    def test_no_value(self) -> None:
        """The value of a misspelt secret is not repeated."""
        self.assertNotIn("some value of it", "".join(self.warnings("WEBHOOK_SECERT", "WSAAS_API_TOKEN")))


def reference(one: str, other: str) -> int:
    """The same distance, by its definition."""
    found = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if min(i, j) == 0:
                found[i][j] = max(i, j)
                continue
            found[i][j] = min(
                found[i - 1][j] + 1, found[i][j - 1] + 1, found[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            )
            if min(i, j) > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                found[i][j] = min(found[i][j], found[i - 2][j - 2] + 1)
    return found[-1][-1]


class DistanceTests(SynchronousTestCase):
    def test_known(self) -> None:
        """A letter more, less or other counts one, and so do two that changed places."""
        for one, other, mistakes in (("", "", 0), ("", "abc", 3), ("ab", "ba", 1), ("kitten", "sitting", 3)):
            self.assertEqual(distance(one, other), mistakes)

    @examples(100)
    @given(st.text("abc", max_size=8), st.text("abc", max_size=8))
    def test_definition(self, one: str, other: str) -> None:
        """To leave out what both words begin and end with changes nothing."""
        self.assertEqual(distance(one, other), reference(one, other))
