"""A local nginx that gives tiles out."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

CONFIGURATION = """\
worker_processes 1;
daemon off;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 100000;
    types {{ image/jpeg jpg; }}
    client_body_temp_path {work}/nginx-body;
    proxy_temp_path {work}/nginx-proxy;
    fastcgi_temp_path {work}/nginx-fastcgi;
    uwsgi_temp_path {work}/nginx-uwsgi;
    scgi_temp_path {work}/nginx-scgi;
    server {{ listen 127.0.0.1:{port}; location / {{ root {tiles}; }} }}
}}
"""


@contextlib.contextmanager
def nginx(tiles: Path, work: Path) -> Iterator[int]:
    """Serves a folder on a free port, which it gives; its own files go to `work`."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    file = work / "nginx.conf"
    file.write_text(CONFIGURATION.format(work=work, port=port, tiles=tiles))
    program_file = shutil.which("nginx") or "/usr/sbin/nginx"
    server = subprocess.Popen([program_file, "-e", str(work / "nginx.log"), "-c", str(file)])
    try:
        while not listens(port):
            if server.poll() is not None:
                raise SystemExit((work / "nginx.log").read_text())
            time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
