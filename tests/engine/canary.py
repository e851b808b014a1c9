"""Canary keys, a session that holds them, and a server that writes down whatever it is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "sk-canary-0123456789abcdef-XYZ"
HEADER_KEY = "hdr-canary-0123456789abcdef"
PROMPT = "the marmalade prompt"
ROOT = Path(__file__).parents[2]
APIS = ("chat", "responses", "messages", "generate")
TYPES = {"chat": "openai", "responses": "openai", "messages": "anthropic", "generate": "gemini"}


def config(url: str, **more: Any) -> dict[str, Any]:
    """All four wires, with a key each."""
    providers = {
        api: {
            "type": TYPES[api],
            "base_url": url + ("/v1" if TYPES[api] == "openai" else ""),
            "api_key": KEY,
            "headers": {"x-team": HEADER_KEY},
            **({"api": api} if TYPES[api] == "openai" else {}),
            **more,
        }
        for api in APIS
    }
    return {"providers": providers, "retry": {"attempts": 1}}


class Told:
    """What a canary server was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    def __str__(self) -> str:
        return repr(self.requests)


@contextmanager
def canary(status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Iterator[Told]:
    """A server on loopback that writes down what it is asked and answers the same each time."""
    told = Told()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, asked))
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
