"""The arguments of `wsaas lambda`, and what its help says."""

from __future__ import annotations

from wsaas.cli.parser import Parser, seconds_up_to

MAX_SECONDS = 900.0
_DESCRIPTION = (
    "Be a backend for the gateway that calls Lambda handlers, as API Gateway calls those of a WebSocket API. It "
    "listens where TARGET_ADDRESS points, and reads WEBHOOK_SECRET and WEBHOOK_TIMEOUT as the gateway does. A target "
    "is a function in Python (module:function, loaded again when its file changes), the URL of the Runtime Interface "
    "Emulator or of another program with Lambda's interface (http://localhost:3001/Name), or a function at AWS "
    "(lambda:name, called with the credentials of the usual AWS_ variables)."
)
_EXAMPLES = (
    ("wsaas lambda --route '$connect=app:connect' --route '$default=app:message'", "functions in app.py"),
    ("wsaas lambda --route '$default=http://localhost:9000'", "a container with the emulator"),
    ("wsaas lambda --route 'chat=lambda:chat' --select '$request.body.type'", "a function at AWS"),
)
LAMBDA = ("be a backend that calls Lambda handlers", _DESCRIPTION, _EXAMPLES)
"""Summary, description and examples of the command."""


def add_lambda_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--route",
        action="append",
        required=True,
        metavar="KEY=TARGET",
        help="the target of a route: $connect, $disconnect, $default, or a key that messages select; can be repeated",
    )
    parser.add_argument(
        "--select",
        default="$request.body.action",
        metavar="EXPRESSION",
        help="the route selection expression [default: $request.body.action]",
    )
    parser.add_argument("--stage", default="local", metavar="NAME", help="the stage in the events [default: local]")
    parser.add_argument(
        "--no-route-response",
        action="store_true",
        help="send no result of a message's handler to the client, as API Gateway does by default",
    )
    parser.add_argument(
        "--timeout",
        type=seconds_up_to(MAX_SECONDS),
        metavar="SECONDS",
        help="seconds for one handler [default: 29, or half a second less than WEBHOOK_TIMEOUT if that is less]",
    )
    parser.add_argument(
        "--listen",
        metavar="PLACE",
        help="[HOST:]PORT, or a Twisted endpoint string [default: where TARGET_ADDRESS points]",
    )


def add_lambda_routes(parser: Parser) -> None:
    """Add the option by which `wsaas run` starts the same beside the gateway."""
    parser.add_argument(
        "--lambda",
        metavar="KEY=TARGET",
        action="append",
        help="Start wsaas lambda beside the gateway, with this route; repeat it for several.",
    )
