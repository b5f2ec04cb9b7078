"""Pushpin with Condure and Zurl, from Debian's `pushpin`: WebSocket over HTTP towards the backend (GRIP).

A client's channel is its number. All clients are subscribed to the channel `broadcast` as well.
"""

from __future__ import annotations

import json
import shutil

from benchmarks.systems import System, free_ports, request

CONFIGURATION = """
[global]
include={directory}/internal.conf
rundir={directory}
ipc_prefix=pushpin-
port_offset=0

[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:{port}
logdir={directory}
log_level=1
client_buffer_size=32768
client_maxconn={files}

[proxy]
routesfile=routes
debug=false
sig_key=benchmarks

[handler]
push_in_spec=tcp://127.0.0.1:{push_port}
push_in_sub_specs=tcp://127.0.0.1:{sub_port}
push_in_sub_connect=false
push_in_http_addr=127.0.0.1
push_in_http_port={api_port}
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
stats_spec=ipc://{directory}/pushpin-stats
command_spec=tcp://127.0.0.1:{command_port}
message_rate=1000000
message_hwm=1000000
message_wait=5000
connection_subscription_max=20
"""

ZURL = """
[General]
in_spec=ipc://{directory}/zurl-in
in_stream_spec=ipc://{directory}/zurl-in-stream
out_spec=ipc://{directory}/zurl-out
in_req_spec=ipc://{directory}/zurl-req
ipc_file_mode=660
defpolicy=allow
allow=
deny=
max_open_requests=20000
buffer_size=200000
timeout=600
"""


class Pushpin(System):
    clients_choose = True
    subscribes_in = 1.0
    can = frozenset(("broadcast",))

    @property
    def slug(self) -> str:
        return "pushpin"

    def launch(self) -> None:
        directory = self.place.directory
        push_port, sub_port, command_port = free_ports(3)
        fields = {
            "directory": directory,
            "port": self.port,
            "api_port": self.api_port,
            "push_port": push_port,
            "sub_port": sub_port,
            "command_port": command_port,
            "files": 12000,
        }
        with open("/usr/lib/pushpin/internal.conf") as given:
            internal = given.read().replace("/var/run/zurl/", f"{directory}/")
        (directory / "internal.conf").write_text(internal)
        (directory / "pushpin.conf").write_text(CONFIGURATION.format(**fields))
        (directory / "routes").write_text(f"*,path_rem=0,path_beg=/ 127.0.0.1:{self.place.sink},over_http\n")
        (directory / "zurl.conf").write_text(ZURL.format(**fields))
        self.spawn(["zurl", f"--config={directory}/zurl.conf", "--loglevel=1", f"--logfile={directory}/zurl.log"])
        self.spawn(["pushpin", f"--config={directory}/pushpin.conf"])

    def url(self, *, tls: bool = False, crowd: bool = False) -> str:
        return f"ws://127.0.0.1:{self.port}/grip/{{n}}"

    def push(self, id: str, body: str) -> str:
        item = {"channel": id, "formats": {"ws-message": {"content": body}}}
        return request("POST", "/publish/", json.dumps({"items": [item]}))

    def broadcast(self, body: str) -> str:
        return self.push("broadcast", body)


def installed() -> bool:
    return all(map(shutil.which, ("pushpin", "condure", "zurl")))
