"""A simulator for each test, and a plain HTTP client to look at its bytes."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from llmkit.sim import Simulator

PATHS = {
    "anthropic.messages": "/v1/messages",
    "openai.chat": "/v1/chat/completions",
    "openai.responses": "/v1/responses",
    "gemini.generate": "/v1beta/models/{model}:streamGenerateContent?alt=sse",
}


@dataclass
class Got:
    """What came back, as far as it came. ``whole``: the body ended as HTTP says it must."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def frames(self) -> list[Any]:
        lines = self.body.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").split(b"\n")
        data = [ln[5:].strip() for ln in lines if ln.startswith(b"data:")]
        return [json.loads(d) for d in data if d != b"[DONE]"]


Post = Callable[..., Got]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(pace="instant") as simulator:
        yield simulator


@pytest.fixture
def post(sim: Simulator) -> Post:
    """Post a body (or a prompt, on a wire) to the test's simulator."""

    def send(
        path: str, body: Any = None, *, to: Simulator = sim, method: str = "POST", **headers: str
    ) -> Got:
        connection = http.client.HTTPConnection("127.0.0.1", to.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            usual = {"content-type": "application/json", "anthropic-version": "2026-10-21"}
            connection.request(method, path, sent, {k: v for k, v in (usual | named).items() if v})
            response = connection.getresponse()
            got = {name.lower(): value for name, value in response.getheaders()}
            try:
                return Got(response.status, got, response.read())
            except http.client.IncompleteRead as cut:
                return Got(response.status, got, cut.partial, whole=False)
            except ConnectionResetError:
                return Got(response.status, got, b"", whole=False)
        finally:
            connection.close()

    return send


def _ask(
    wire: str, prompt: str, model: str = "sim/swift", *, stream: bool = True, **more: Any
) -> tuple[str, Any]:
    """The path and body of a plain prompt on a wire."""
    path = PATHS[wire].format(model=model)
    body: dict[str, Any] = {"model": model, "stream": stream, **more}
    match wire:
        case "anthropic.messages":
            body |= {"messages": [{"role": "user", "content": prompt}]}
            body.setdefault("max_tokens", 4000)
        case "openai.chat":
            body |= {"messages": [{"role": "user", "content": prompt}]}
            if stream:
                body["stream_options"] = {"include_usage": True}
        case "openai.responses":
            body["input"] = prompt
        case _:
            body = {"contents": [{"role": "user", "parts": [{"text": prompt}]}], **more}
            if not stream:
                path = path.replace(":streamGenerateContent?alt=sse", ":generateContent")
    return path, body


def _text_of(wire: str, frames: list[Any]) -> str:
    """The text in the frames of a stream."""
    pieces = []
    for frame in frames:
        match wire:
            case "anthropic.messages":
                pieces.append(frame.get("delta", {}).get("text", ""))
            case "openai.chat":
                pieces += [c["delta"].get("content") or "" for c in frame.get("choices", ()) if "delta" in c]
            case "openai.responses":
                pieces.append(frame["delta"] if frame["type"] == "response.output_text.delta" else "")
            case _:
                for candidate in frame.get("candidates", ()):
                    parts = candidate.get("content", {}).get("parts", ())
                    pieces += [p.get("text", "") for p in parts if not p.get("thought")]
    return "".join(pieces)


@pytest.fixture(params=list(PATHS))
def wire(request: pytest.FixtureRequest) -> str:
    """Each of the wires."""
    return str(request.param)


@pytest.fixture
def ask() -> Callable[..., tuple[str, Any]]:
    """Makes the path and body of a prompt on a wire."""
    return _ask


@pytest.fixture
def text_of() -> Callable[[str, list[Any]], str]:
    """Takes the text out of the frames of a stream."""
    return _text_of
