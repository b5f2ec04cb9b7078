"""The AWS SDKs against a gateway, with nothing but the endpoint changed: boto3, and the JavaScript SDK of version 3."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.aws_signer import KEY_ID, SECRET
from tests.support.programs import need, node_modules
from tests.support.system_case import Settings, SharedTestCase
from tests.support.websocket_client import closing
from tests.support.workers import PATIENCE

PAIR = {"API_AWS_ACCESS_KEY_ID": KEY_ID, "API_AWS_SECRET_ACCESS_KEY": SECRET, "MAX_MESSAGE_SIZE": "100000"}
JS_SDK = "@aws-sdk/client-apigatewaymanagementapi@3.1169.0"


class SdkCase(SharedTestCase):
    """The behaviour that both SDKs are tested for; `call` makes one call in one of them."""

    settings: ClassVar[Settings] = PAIR

    def call(
        self, operation: str, id: str, data: bytes | None = None, *, stage: str = "", **client: Any
    ) -> dict[str, Any]:
        """Return the result, or `error` (the name of the exception), `status` and `message`."""
        raise NotImplementedError

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.gw.http_port}"

    def check_all(self) -> None:
        """A message of each kind arrives, the facts are told, a close closes, and then the connection is gone."""
        for stage in ("", "/prod"):
            before = len(self.stage.connects)
            client = self.client(user_agent_header="Agent/1")
            id = self.stage.connects[before].id
            for data, received in ((b'{"a": 1}', '{"a": 1}'), ("grüße".encode(), "grüße"), (b"\xff\0", b"\xff\0")):
                self.assertNotIn("error", self.call("post_to_connection", id, data, stage=stage))
                self.assertEqual(client.recv(timeout=PATIENCE), received)
            facts = self.call("get_connection", id, stage=stage)
            self.assertEqual((facts["sourceIp"], facts["userAgent"]), ("127.0.0.1", "Agent/1"))
            told = self.api.get(f"/{id}").json()
            self.assertEqual(facts["connectedAt"], told["connected_at"][:19])
            self.assertNotIn("error", self.call("delete_connection", id, stage=stage))
            self.assertEqual(closing(client)[0], 1000)
            for operation, data in (
                ("post_to_connection", b"x"),
                ("get_connection", None),
                ("delete_connection", None),
            ):
                for gone in (id, "L0SM9cOFvHcCIhw="):
                    failed = self.call(operation, gone, data, stage=stage)
                    self.assertEqual((failed.get("error"), failed.get("status")), ("GoneException", 410), failed)
                    self.assertIn("no such connection", failed["message"])

    def check_refusals(self) -> None:
        """Too large, too slow and a wrong key are the exceptions that the SDK has for them."""
        raw = self.raw_client(receive_buffer=4096)
        id = self.connection_id()
        failed = self.call("post_to_connection", id, b"x" * 100_001)
        self.assertEqual((failed.get("error"), failed.get("status")), ("PayloadTooLargeException", 413), failed)
        while self.api.push(id, b"x" * 65536).status == 200:
            pass
        failed = self.call("post_to_connection", id, b"x" * 65536)
        self.assertEqual((failed.get("error"), failed.get("status")), ("LimitExceededException", 429), failed)
        for wrong in ({"secret": "wrong" * 8}, {"key_id": "AKIAANOTHER"}):
            failed = self.call("post_to_connection", id, b"x", **wrong)
            self.assertEqual((failed.get("error"), failed.get("status")), ("ForbiddenException", 403), failed)
        raw.leave()

    def check_credentials(self) -> None:
        """Temporary credentials and any region will do."""
        self.client()
        for options in ({"token": "a-session-token"}, {"region": "ap-southeast-2"}, {"region": "mars-1", "token": "x"}):
            self.assertNotIn("error", self.call("get_connection", self.connection_id(), **options))


class Boto3Tests(SdkCase):
    def call(
        self, operation: str, id: str, data: bytes | None = None, *, stage: str = "", **client: Any
    ) -> dict[str, Any]:
        api = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=self.endpoint + stage,
            region_name=client.get("region", "eu-central-1"),
            aws_access_key_id=client.get("key_id", KEY_ID),
            aws_secret_access_key=client.get("secret", SECRET),
            aws_session_token=client.get("token"),
            config=Config(retries={"total_max_attempts": 1}),  # as a client that does not read stays so
        )
        try:
            result = getattr(api, operation)(ConnectionId=id, **({} if data is None else {"Data": data}))
        except ClientError as error:
            response = error.response
            self.assertIsInstance(error, getattr(api.exceptions, response["Error"]["Code"], ClientError))
            return {
                "error": response["Error"]["Code"],
                "status": response["ResponseMetadata"]["HTTPStatusCode"],
                "message": response["Error"]["Message"],
            }
        self.assertTrue(result["ResponseMetadata"]["RequestId"])
        if operation != "get_connection":
            return {}
        return {
            "sourceIp": result["Identity"]["SourceIp"],
            "userAgent": result["Identity"]["UserAgent"],
            "connectedAt": result["ConnectedAt"].strftime("%Y-%m-%dT%H:%M:%S"),
            "lastActiveAt": result["LastActiveAt"].isoformat(),
        }

    def test_all(self) -> None:
        """boto3 pushes, inspects and closes, behind a stage or none, and raises GoneException for what is over."""
        self.check_all()

    def test_refusals(self) -> None:
        """boto3 raises PayloadTooLarge, LimitExceeded and Forbidden."""
        self.check_refusals()

    def test_credentials(self) -> None:
        """boto3 passes with temporary credentials and in any region."""
        self.check_credentials()


JS = """
const { ApiGatewayManagementApiClient, PostToConnectionCommand, GetConnectionCommand, DeleteConnectionCommand } =
  require("@aws-sdk/client-apigatewaymanagementapi");
const commands = { post_to_connection: PostToConnectionCommand, get_connection: GetConnectionCommand,
  delete_connection: DeleteConnectionCommand };
async function answer(line) {
  const { operation, id, data, options } = JSON.parse(line);
  const client = new ApiGatewayManagementApiClient(options);
  const input = { ConnectionId: id };
  if (data !== null) input.Data = Buffer.from(data, "base64");
  try {
    const result = await client.send(new commands[operation](input));
    const facts = result.Identity === undefined ? {} : { sourceIp: result.Identity.SourceIp,
      userAgent: result.Identity.UserAgent, connectedAt: result.ConnectedAt.toISOString().slice(0, 19),
      lastActiveAt: result.LastActiveAt.toISOString() };
    return facts;
  } catch (error) {
    return { error: error.name, status: error.$metadata && error.$metadata.httpStatusCode, message: error.message };
  }
}
require("readline").createInterface({ input: process.stdin }).on("line", async (line) =>
  process.stdout.write(JSON.stringify(await answer(line)) + "\\n"));
"""


class JavaScriptTests(SdkCase):
    _node: subprocess.Popen[str] | None = None

    def call(
        self, operation: str, id: str, data: bytes | None = None, *, stage: str = "", **client: Any
    ) -> dict[str, Any]:
        if self._node is None:
            self._node = subprocess.Popen(
                [need("node"), "--no-warnings", "-e", JS],
                env={**os.environ, "NODE_PATH": node_modules(JS_SDK)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.addCleanup(self._node.wait)
            self.addCleanup(self._node.kill)
            for stream in (self._node.stdin, self._node.stdout):
                assert stream is not None
                self.addCleanup(stream.close)
        credentials = {"accessKeyId": client.get("key_id", KEY_ID), "secretAccessKey": client.get("secret", SECRET)}
        if "token" in client:
            credentials["sessionToken"] = client["token"]
        options = {
            "endpoint": self.endpoint + stage,
            "region": client.get("region", "eu-central-1"),
            "credentials": credentials,
            "maxAttempts": 1,
        }
        assert self._node.stdin is not None and self._node.stdout is not None
        encoded = None if data is None else base64.b64encode(data).decode()
        asked = {"operation": operation, "id": id, "data": encoded, "options": options}
        self._node.stdin.write(json.dumps(asked) + "\n")
        self._node.stdin.flush()
        result: dict[str, Any] = json.loads(self._node.stdout.readline())
        return result

    def test_all(self) -> None:
        """The JavaScript SDK pushes, inspects and closes, and throws GoneException for what is over."""
        self.check_all()

    def test_refusals(self) -> None:
        """The JavaScript SDK throws PayloadTooLarge, LimitExceeded and Forbidden."""
        self.check_refusals()

    def test_credentials(self) -> None:
        """The JavaScript SDK passes with temporary credentials and in any region."""
        self.check_credentials()


class OpenBoto3Tests(Boto3Tests):
    """A gateway without a pair, as at first try: any credentials will do, on loopback."""

    settings: ClassVar[Settings] = {"MAX_MESSAGE_SIZE": "100000"}

    def check_refusals(self) -> None:
        self.client()
        self.assertNotIn("error", self.call("get_connection", self.connection_id(), secret="any", key_id="any"))


class WorkersBoto3Tests(Boto3Tests):
    """Three workers: whichever a call reaches."""

    settings: ClassVar[Settings] = {**PAIR, "WORKERS": "3", "STATE_DIR": "state"}
