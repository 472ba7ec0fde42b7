"""Who is told of studies: a web server that takes POSTs, and an HL7 receiver that acknowledges messages."""

import http.server
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def web_listener(port: int) -> Iterator[list[bytes]]:
    """Take POSTs on loopback; what they held."""
    bodies: list[bytes] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep the terminal quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield bodies
        server.shutdown()


@contextmanager
def mllp_listener(port: int) -> Iterator[list[bytes]]:
    """Acknowledge HL7 messages on loopback; what they held."""
    messages: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            content = b""
            while not content.endswith(b"\x1c\r"):
                content += self.request.recv(4096)
            messages.append(content)
            control_id = content.split(b"|")[9]
            self.wfile.write(b"\x0bMSH|^~\\&|RIS\rMSA|AA|" + control_id + b"\r\x1c\r")

    with socketserver.ThreadingTCPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield messages
        server.shutdown()
