"""The recorded exchanges, served over a real socket, through the official SDKs' transports: the same reading."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import LLMKitError

CORPUS = Path(os.environ.get("LLMKIT_CORPUS", Path(__file__).parents[2] / "../shared/corpus"))
WIRES = {
    "anthropic.messages": ("anthropic", None),
    "anthropic-compatible": ("anthropic", None),
    "openai.chat": ("openai", "chat"),
    "openai-compatible": ("openai", "chat"),
    "openai.responses": ("openai", "responses"),
    "openai-responses-compatible": ("openai", "responses"),
    "gemini.generateContent": ("gemini", None),
    "gemini.streamGenerateContent": ("gemini", None),
}


def exchanges() -> list[Path]:
    found = sorted(CORPUS.glob("*/*-*.json"))
    return [path for path in found if not path.name.startswith("aux-")]


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    """The corpus' own replay server, on a thread of this process."""
    if not (CORPUS / "replay.py").exists():
        pytest.skip(reason=f"no recorded corpus at {CORPUS} (set LLMKIT_CORPUS)")
    spec = importlib.util.spec_from_file_location("corpus_replay", CORPUS / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    loop = asyncio.new_event_loop()
    ready: list[Any] = []
    up = threading.Event()

    async def serve() -> None:
        ready.extend(await module.serve([str(CORPUS)]))
        up.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(serve())
        loop.run_forever()

    async def leave() -> None:
        ready[0].close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        loop.stop()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert up.wait(60)
    yield f"http://127.0.0.1:{ready[1]}"
    asyncio.run_coroutine_threadsafe(leave(), loop)
    thread.join(60)
    loop.close()


@pytest.mark.skipif(not exchanges(), reason=f"no recorded corpus at {CORPUS} (set LLMKIT_CORPUS)")
@pytest.mark.parametrize("path", exchanges(), ids=lambda path: path.stem)
def test_an_exchange_reads_the_same_over_a_socket(path: Path, replay: str) -> None:
    exchange = json.loads(path.read_text(encoding="utf-8"))
    wire, _, who = exchange["wire"].partition(":")
    kind, api = WIRES[wire]
    streamed = bool(exchange["response"]["sse"]) or wire == "gemini.streamGenerateContent"
    base = f"{replay}/x/{exchange['id']}~split=rand~seed=7" + ("/v1" if kind == "openai" else "")
    fields = {"type": kind, "base_url": base, "api_key": "sk-loopback-only", "dialect": who or kind}
    if api:
        fields["api"] = api
    if kind == "anthropic":
        fields.pop("dialect")
    session = llmkit.Session({"providers": {"replay": fields}})
    session.gates = type(session.gates)(policy=type(session.gates.policy)(attempts=1))

    body = exchange["response"]["body"].encode()
    wire_name = {"openai": f"openai.{api}", "anthropic": "anthropic.messages", "gemini": "gemini.generate"}[
        kind
    ]
    expected = outcome(
        lambda: llmkit.wire.read(
            wire_name,
            [body],
            dialect=(who or None) if kind != "anthropic" else None,
            stream=streamed,
            status=exchange["response"]["status"],
            headers=exchange["response"]["headers"],
        )
    )
    got = outcome(lambda: session.ask("hello", model="replay/any-model", stream=streamed))
    assert got == expected


def outcome(call: Any) -> dict[str, Any]:
    """What a call came to, reply or error, in values that can be compared."""
    try:
        reply = call()
        error = None
    except LLMKitError as caught:
        error = caught
        reply = caught.partial
        assert reply is not None
    usage = reply.usage.to_json()
    if usage.get("source") == "estimated":  # the engine estimates what a reader leaves open
        usage = {}
    return {
        "error": type(error).__name__ if error else None,
        "code": error.code if error else None,
        "text": reply.text,
        "thinking": reply.thinking,
        "tools": [(call.id, call.name, call.arguments) for call in reply.tool_calls],
        "stop": (str(reply.stop_reason), reply.stop_reason.provider),
        "usage": {} if usage == {"source": "unknown"} else usage,
        "id": reply.id,
    }
