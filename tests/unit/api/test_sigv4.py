"""Signatures of AWS Signature Version 4: those of botocore's own signer pass, and every other one is refused."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from tests.support.aws_signer import KEY_ID, SECRET, signed
from tests.support.properties import examples
from wsaas.api.sigv4 import MAX_SKEW, SignatureFlaw, Signatures, SignedRequest

NOW = 1795428000.0
URL = "http://localhost:8081/@connections/abc"


def flaw(
    method: str, url: str, body: bytes, headers: Mapping[str, str] | Headers, *, early: bool = False, now: float = NOW
) -> str | None:
    """Why the request is refused; None if it passes."""
    target = url[url.index("/", 8) :].encode()
    if not isinstance(headers, Headers):
        headers = Headers({name: [value] for name, value in headers.items()})
    request = SignedRequest(method.encode(), target, None if early else lambda: body)
    try:
        Signatures(KEY_ID, SECRET, lambda: now).check(request, headers)
    except SignatureFlaw as found:
        return str(found)
    return None


segments = st.text(st.characters(codec="ascii", exclude_characters="/?#%"), min_size=1, max_size=20)


class GoodTests(SynchronousTestCase):
    @examples(60)
    @given(
        st.sampled_from(["GET", "POST", "DELETE", "HEAD"]),
        st.lists(segments, min_size=1, max_size=3),
        st.binary(max_size=50),
        st.floats(-MAX_SKEW + 1, MAX_SKEW - 1),
        st.sampled_from(["us-east-1", "eu-central-1", "anywhere", "x"]),
        st.none() | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=40),
        st.booleans(),
    )
    def test_any(
        self, method: str, path: list[str], body: bytes, skew: float, region: str, token: str | None, hashed: bool
    ) -> None:
        """Any request that botocore signs passes: method, path, body, moment, region, temporary credentials."""
        url = "http://localhost:8081/" + "/".join(quote(segment, safe="@~") for segment in path)
        if any(segment in (".", "..") for segment in path):
            return  # botocore resolves these, and nothing sends them
        more = {"x-amz-content-sha256": sha256(body).hexdigest()} if hashed else {}
        headers = signed(method, url, body, at=NOW + skew, region=region, token=token, headers=more)
        self.assertIsNone(flaw(method, url, body, headers))
        self.assertIsNone(flaw(method, url, body, headers, early=True))

    def test_spaces_and_repetition(self) -> None:
        """Signed headers count with single spaces; repeated ones are joined."""
        headers = signed("POST", URL, b"x", at=NOW, headers={"X-A": "  a   b "})
        self.assertIsNone(flaw("POST", URL, b"x", headers))
        headers = signed("POST", URL, b"x", at=NOW, headers={"X-A": "a,b"})
        raw = Headers({name: [value] for name, value in headers.items() if name != "X-A"})
        raw.setRawHeaders("X-A", ["a", "b"])
        self.assertIsNone(flaw("POST", URL, b"x", raw))

    def test_query(self) -> None:
        """A query is signed in order of its names."""
        url = URL + "?b=2&a=1&c"
        self.assertIsNone(flaw("GET", url, b"", signed("GET", url.replace("&c", "&c="), at=NOW)))

    def test_remembered(self) -> None:
        """The key of a day and region is derived once."""
        signatures = Signatures(KEY_ID, SECRET, lambda: NOW)
        headers = Headers({name: [value] for name, value in signed("GET", URL, at=NOW).items()})
        for _ in range(3):
            signatures.check(SignedRequest(b"GET", urlsplit(URL).path.encode(), lambda: b""), headers)
        self.assertEqual((signatures._key.cache_info().misses, signatures._key.cache_info().hits), (1, 2))


class BadTests(SynchronousTestCase):
    def refused(self, why: str, *, method: str = "POST", url: str = URL, body: bytes = b"hi", **options: Any) -> None:
        """A request that is signed with these options is refused for that reason."""
        early = options.pop("early", True)
        headers = signed("POST", URL, b"hi", **{"at": NOW, **options})
        self.assertIn(why, flaw(method, url, body, headers) or "passes")
        self.assertEqual(flaw(method, url, body, headers, early=True) is not None, early)

    def test_changed(self) -> None:
        """A change of method, path, query or body is noticed, once the body is there."""
        for change in (
            {"method": "DELETE"},
            {"url": URL + "d"},
            {"url": URL.replace("@", "%40")},
            {"url": URL + "?a=b"},
            {"body": b"ho"},
            {"body": b""},
        ):
            self.refused("not that of this request", early=False, **change)

    def test_keys(self) -> None:
        """Another key id, and another secret, are refused."""
        self.refused("API_AWS_ACCESS_KEY_ID", key_id="AKIAANOTHER")
        self.refused("API_AWS_ACCESS_KEY_ID", key_id="ASIAIOSFODNN7EXAMPLE", token="session")
        self.refused("API_AWS_SECRET_ACCESS_KEY", secret=SECRET[:-1] + "y", early=False)

    def test_service(self) -> None:
        """A signature for another service is refused."""
        for service in ("lambda", "s3", "execute-apI", "apigateway"):
            self.refused("execute-api", service=service)

    def test_skew(self) -> None:
        """A signature is good for five minutes before and after its moment."""
        for seconds in (MAX_SKEW, -MAX_SKEW):
            self.assertIsNone(flaw("POST", URL, b"hi", signed("POST", URL, b"hi", at=NOW + seconds)))
        for seconds in (MAX_SKEW + 1, -MAX_SKEW - 1, 86400, -86400):
            self.refused("clocks", at=NOW + seconds)

    def test_body_hash(self) -> None:
        """A hash that is sent must be that of the body: not another, not UNSIGNED-PAYLOAD, not a signed wrong one."""
        for stated in (sha256(b"ho").hexdigest(), "UNSIGNED-PAYLOAD", "", sha256(b"hi").hexdigest().upper()):
            headers = signed("POST", URL, b"hi", at=NOW, headers={"X-Amz-Content-SHA256": stated})
            self.assertIn("SHA-256", flaw("POST", URL, b"hi", headers) or "passes")
        good = signed("POST", URL, b"hi", at=NOW)
        unsigned = {**good, "X-Amz-Content-SHA256": sha256(b"ho").hexdigest()}
        self.assertIn("SHA-256", flaw("POST", URL, b"hi", unsigned) or "passes")

    def test_headers(self) -> None:
        """What is signed must be there as it was signed, and host and x-amz-date must be signed."""
        good = signed("POST", URL, b"hi", at=NOW, headers={"X-A": "1"}, token="session")
        self.assertIsNone(flaw("POST", URL, b"hi", good))
        for name in ("X-A", "Host", "X-Amz-Security-Token"):
            without = {key: value for key, value in good.items() if key != name}
            self.assertIn(name.lower(), flaw("POST", URL, b"hi", without) or "passes")
            self.assertIn("not that of", flaw("POST", URL, b"hi", {**good, name: "other"}) or "passes")
        for names in (
            "host",
            "x-amz-date",
            "x-a",
            "Host;x-amz-date",
            "host;;x-amz-date",
            "host;x-amz-date;nothing",
            "",
        ):
            authorization = good["Authorization"].replace("host;x-a;x-amz-date;x-amz-security-token", names)
            self.assertNotEqual(authorization, good["Authorization"])
            self.assertIn(
                "SignedHeaders", flaw("POST", URL, b"hi", {**good, "Authorization": authorization}) or "passes"
            )

    def test_moment(self) -> None:
        """X-Amz-Date is there once, in its form, a moment that there is, of the day of the scope."""
        good = signed("POST", URL, b"hi", at=NOW)
        moment = good["X-Amz-Date"]
        for wrong in (
            "",
            moment[:-1],
            moment.replace("T", " "),
            moment.replace("T", "t"),
            moment + "Z",
            "20261331T100000Z",
            moment[:9] + "250000Z",
            "2026112½T100000Z",
            "+" + moment[1:],
            str(int(moment[:8]) + 1) + moment[8:],
        ):
            self.assertIn("X-Amz-Date", flaw("POST", URL, b"hi", {**good, "X-Amz-Date": wrong}) or "passes", wrong)
        del good["X-Amz-Date"]
        self.assertIn("X-Amz-Date", flaw("POST", URL, b"hi", good) or "passes")
        raw = Headers({name: [value] for name, value in good.items()})
        raw.setRawHeaders("X-Amz-Date", [moment, moment])
        self.assertIn("X-Amz-Date", flaw("POST", URL, b"hi", raw) or "passes")

    def test_form(self) -> None:
        """An Authorization that is none of this kind is refused with what to do."""
        good = signed("POST", URL, b"hi", at=NOW)
        authorization = good["Authorization"]
        for wrong in (
            "",
            "Bearer token",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 ",
            authorization.replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
            authorization.replace("AWS4-HMAC-SHA256", "aws4-hmac-sha256"),
            authorization.replace("Signature=", "Signatur="),
            authorization.replace("SignedHeaders=", "signedheaders="),
            authorization.replace("/eu-central-1", ""),
            authorization.replace("/eu-central-1", "/a/b"),
            authorization + ", Signature=" + "0" * 64,
            authorization + ", X=y",
            authorization + "," * 1000,
        ):
            why = flaw("POST", URL, b"hi", {**good, "Authorization": wrong}) or "passes"
            self.assertIn("Signature Version 4", why, wrong)
        for last in ("aws4", "aws5_request"):
            wrong = authorization.replace("aws4_request", last)
            self.assertIn("execute-api", flaw("POST", URL, b"hi", {**good, "Authorization": wrong}) or "passes")
        for end in ("0", "", "é", authorization[-64:].upper()):
            wrong = authorization[:-64] + end
            self.assertIn("not that of", flaw("POST", URL, b"hi", {**good, "Authorization": wrong}) or "passes")
        twice = Headers({name: [value] for name, value in good.items()})
        twice.setRawHeaders("Authorization", [authorization, authorization])
        self.assertIn("Signature Version 4", flaw("POST", URL, b"hi", twice) or "passes")
        self.assertIn("Signature Version 4", flaw("POST", URL, b"hi", {}) or "passes")
