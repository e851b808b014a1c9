"""Sessions for asking faulty servers: the simulator with a fault, or one that talks as a test tells it."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.sim import Simulator

WIRES = ("chat", "responses", "anthropic", "gemini")
TOKENS = 12
MODEL = f"here/bench:tokens={TOKENS},rate=0,ttft=0"
#: One transparent pixel.
PICTURE = llmkit.ImagePart(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
    )
)


def provider(url: str, wire: str, **more: Any) -> dict[str, Any]:
    kind: dict[str, Any]
    match wire:
        case "anthropic" | "gemini":
            kind = {"type": wire, "base_url": url}
        case _:
            kind = {"type": "openai", "api": wire, "base_url": url + "/v1"}
    return {**kind, "api_key": "k" * 20, **more}


def session(url: str, wire: str = "chat", fault: str = "", **config: Any) -> llmkit.Session:
    """A session whose retries don't wait."""
    headers = {"x-sim-fault": fault} if fault else {}
    return llmkit.Session(
        {"providers": {"here": provider(url, wire, headers=headers)}, "retry": {"base": 0}, **config}
    )


def rows(of: llmkit.Session) -> list[dict[str, Any]]:
    return list(of.ledger.rows(session=of.id, simulated=True))


def failure(sim: Simulator, fault: str, wire: str = "chat", **more: Any) -> e.LLMKitError:
    with pytest.raises(e.LLMKitError) as caught:
        session(sim.url, wire, fault).ask("hello", model=MODEL, **more)
    return caught.value


def heard(client: socket.socket) -> bytes:
    """A whole request. A server that answers earlier and hangs up resets the connection under its own answer."""
    got = b""
    while b"\r\n\r\n" not in got and (piece := client.recv(65536)):
        got += piece
    top, _, body = got.partition(b"\r\n\r\n")
    length = next((line for line in top.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    missing = int(length.partition(b":")[2]) - len(body)
    while missing > 0 and (piece := client.recv(65536)):
        got += piece
        missing -= len(piece)
    return got


class Scripted:
    """A server that talks to each client as told."""

    def __init__(self, talk: Any, context: ssl.SSLContext | None = None) -> None:
        self.talk, self.context, self.clients = talk, context, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.05)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self) -> None:
        while not self.over.is_set():
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            self.clients += 1
            client.settimeout(20)
            with client:
                try:
                    if self.context is not None:
                        with self.context.wrap_socket(client, server_side=True) as safe:
                            self.talk(safe)
                    else:
                        self.talk(client)
                except OSError:
                    continue  # the client left: what it thinks of that is what is tested

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(25)
        self.listener.close()


def attempted(url: str, **config: Any) -> tuple[e.LLMKitError, list[dict[str, Any]]]:
    here = session(url, **config)
    with pytest.raises(e.LLMKitError) as caught:
        here.ask("hello", model="here/gpt-6-luna", timeout=30)
    return caught.value, rows(here)
