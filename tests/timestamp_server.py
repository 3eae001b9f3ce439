"""A time-stamp server as RFC 3161 defines it, with certificates of its own. openssl makes the time stamps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

__all__ = ["TimestampServer"]

_EXTENSIONS = """
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""

_CONFIGURATION = """
[tsa]
default_tsa = server
[server]
serial = {0}/serial
signer_cert = {0}/server.pem
signer_key = {0}/server.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {1}
ess_cert_id_alg = sha256
"""


class TimestampServer:
    """Makes certificates in ``directory``, and answers requests while `running`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self._directory = directory
        self.root = directory / "root.pem"
        """The certificate that issued that of the server."""
        self.answers: list[bytes] = []
        """What it answers instead of a time stamp, one after the other."""
        self.requests = 0
        (directory / "extensions").write_text(_EXTENSIONS)
        (directory / "serial").write_text("01")
        new = ("req", "-newkey", "rsa:2048", "-nodes")
        self._openssl(*new, "-x509", "-days", "2", "-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem")
        self._openssl(*new, "-subj", "/CN=Time", "-keyout", "server.key", "-out", "server.csr")
        issue = ("x509", "-req", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "2", "-days", "2")
        self._openssl(*issue, "-extfile", "extensions", "-in", "server.csr", "-out", "server.pem")
        self.accept("sha256")

    def accept(self, digests: str) -> None:
        """Refuses requests with other digests from now on."""
        (self._directory / "tsa.cnf").write_text(_CONFIGURATION.format(self._directory, digests))

    def answer(self, query: bytes) -> bytes:
        self.requests += 1
        if self.answers:
            return self.answers.pop(0)
        (self._directory / "query").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "response")
        return (self._directory / "response").read_bytes()

    @contextmanager
    def running(self) -> Iterator[str]:
        """Answers over HTTP. Yields the address."""
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                body = answer(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._directory, check=True, capture_output=True)
