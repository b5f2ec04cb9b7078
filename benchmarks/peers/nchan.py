"""nginx with Nchan, from Debian's `nginx` and `libnginx-mod-nchan`: one worker, in memory, without a message buffer.

A client's channel is its number. Nchan tells the backend of a connect by an authorize request, of a message by an
upstream request, and of the end by an unsubscribe request. A push is published to the client's channel, a broadcast to
one channel that all clients share; the disconnects of these then name that channel instead of the client.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.systems import System, request

MODULE = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")

CONFIGURATION = """
load_module {module};
{user}
worker_processes 1;
worker_rlimit_nofile {files};
daemon off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections {files}; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    client_body_buffer_size 32k;
    keepalive_requests 1000000000;
    map $request_uri $client {{ ~^/(one|all)/(?<name>.+)$ $name; }}
    map $request_uri $channel {{ ~^/one/(?<name>.+)$ $name; default all; }}
    upstream backend {{ server 127.0.0.1:{sink}; keepalive 64; keepalive_requests 1000000000; }}
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    nchan_message_buffer_length 0;
    nchan_shared_memory_size 512M;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        listen 127.0.0.1:{tls_port} ssl backlog=4096;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{
            nchan_pubsub websocket;
            nchan_channel_id $channel;
            nchan_authorize_request /.connect;
            nchan_unsubscribe_request /.disconnect;
            nchan_publisher_upstream_request /.message;
        }}
        location = /.connect {{
            internal; proxy_pass http://backend/{slug}/$client; proxy_method POST;
            proxy_pass_request_body off; proxy_set_header Content-Length "";
        }}
        location = /.message {{ internal; proxy_pass http://backend/{slug}/$client; proxy_method PUT; }}
        location = /.disconnect {{
            internal; proxy_pass http://backend/{slug}/$nchan_channel_id; proxy_method DELETE;
            proxy_ignore_client_abort on; proxy_pass_request_body off; proxy_set_header Content-Length "";
        }}
    }}
    server {{
        listen 127.0.0.1:{api_port};
        location ~ ^/(.+)$ {{ nchan_publisher http; nchan_channel_id $1; }}
    }}
}}
"""


class Nchan(System):
    clients_choose = True

    def launch(self) -> None:
        text = CONFIGURATION.format(
            module=MODULE,
            user="user root;" if os.getuid() == 0 else "",
            files=min(os.sysconf("SC_OPEN_MAX"), 65536),
            directory=self.place.directory,
            sink=self.place.sink,
            slug=self.slug,
            pem=self.place.pem,
            port=self.port,
            tls_port=self.tls_port,
            api_port=self.api_port,
        )
        configuration = self.place.directory / "nginx.conf"
        configuration.write_text(text)
        self.spawn([nginx(), "-e", "stderr", "-p", self.place.directory, "-c", configuration])

    def url(self, *, tls: bool = False, crowd: bool = False) -> str:
        return super().url(tls=tls).replace("/{n}", "/all/{n}" if crowd else "/one/{n}")

    def push(self, id: str, body: str) -> str:
        return request("POST", f"/{id}", body)

    def broadcast(self, body: str) -> str:
        return request("POST", "/all", body)


def nginx() -> str:
    """Return the path of nginx, which may be in a directory that only root's PATH has."""
    return shutil.which("nginx") or "/usr/sbin/nginx"


def installed() -> bool:
    return MODULE.exists() and Path(nginx()).exists()
