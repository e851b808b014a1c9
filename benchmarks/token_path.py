"""What a token costs: raw bytes, the official SDK's typed stream, and ``llmkit.stream``, on the same bytes.

    python -m benchmarks.token_path [--tokens 20000] [--rounds 3] [--json]

Every measurement runs in a process of its own, in alternating order, against one simulator process that
sends pre-rendered frames as fast as it can. CPU is the whole process's (``time.process_time``), so both
threads of llmkit count. Printed: tokens per second, CPU µs per token, time to the first token of a warm
connection, and the ratios to the SDK.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-benchmark"
PROMPT = "Say something about notebooks."
WIRES = ("openai", "responses", "anthropic", "gemini")
CLIENTS = ("raw", "sdk", "llmkit")
WARM_REQUESTS = 150
FEW = 10


def model(tokens: int) -> str:
    """The simulated model that sends so many tokens: all at once, or one by one where there are few, so
    that the first arrives alone, as it does from a real model."""
    rate = 0 if tokens > FEW else 500
    return f"bench:tokens={tokens},rate={rate},ttft=0"


# -- the clients: each returns the number of text pieces seen and the time to the first -----------------


def raw(url: str, wire: str) -> Callable[[int], tuple[int, float]]:
    """Bytes from a plain socket, nothing read: the floor."""
    where = urlsplit(url)
    connection = socket.create_connection((where.hostname or "", where.port or 80))

    def run(tokens: int) -> tuple[int, float]:
        path, body = _raw_request(wire, tokens)
        payload = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer {KEY}\r\n"
            f"x-goog-api-key: {KEY}\r\nanthropic-version: 2026-10-21\r\n"
            f"content-type: application/json\r\ncontent-length: {len(payload)}\r\n\r\n"
        )
        began = time.perf_counter()
        connection.sendall(head.encode() + payload)
        first, tail = 0.0, b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("The simulator closed the connection.")
            first = first or time.perf_counter() - began
            tail = (tail + piece)[-16:]
        return tokens, first

    return run


def _raw_request(wire: str, tokens: int) -> tuple[str, dict[str, Any]]:
    messages = [{"role": "user", "content": PROMPT}]
    name = model(tokens)
    match wire:
        case "openai":
            return "/v1/chat/completions", {
                "model": name,
                "messages": messages,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        case "responses":
            return "/v1/responses", {"model": name, "input": PROMPT, "stream": True}
        case "anthropic":
            return "/v1/messages", {
                "model": name,
                "messages": messages,
                "max_tokens": 200_000,
                "stream": True,
            }
        case _:
            contents = [{"role": "user", "parts": [{"text": PROMPT}]}]
            return f"/v1beta/models/{name}:streamGenerateContent?alt=sse", {"contents": contents}


def sdk(url: str, wire: str) -> Callable[[int], tuple[int, float]]:
    """The official SDK's own typed stream, as its manual shows it."""
    loop = asyncio.new_event_loop()
    stream = _sdk_stream(url, wire)

    async def one(tokens: int) -> tuple[int, float]:
        began = time.perf_counter()
        count, first = 0, 0.0
        async for text in stream(tokens):
            if text:
                first = first or time.perf_counter() - began
                count += 1
        return count, first

    return lambda tokens: loop.run_until_complete(one(tokens))


def _sdk_stream(url: str, wire: str) -> Callable[[int], Any]:
    if wire in ("openai", "responses"):
        import openai

        client = openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", max_retries=0)
        if wire == "openai":

            async def chat(tokens: int) -> Any:
                stream = await client.chat.completions.create(
                    model=model(tokens),
                    messages=[{"role": "user", "content": PROMPT}],
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async for chunk in stream:
                    yield chunk.choices[0].delta.content if chunk.choices else None

            return chat

        async def responses(tokens: int) -> Any:
            async for event in await client.responses.create(model=model(tokens), input=PROMPT, stream=True):
                yield event.delta if event.type == "response.output_text.delta" else None

        return responses
    if wire == "anthropic":
        import anthropic

        claude = anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0)

        async def messages(tokens: int) -> Any:
            stream = await claude.messages.create(
                model=model(tokens),
                max_tokens=200_000,
                messages=[{"role": "user", "content": PROMPT}],
                stream=True,
            )
            async for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text

        return messages
    from google import genai
    from google.genai import types

    google = genai.Client(
        api_key=KEY, vertexai=False, http_options=types.HttpOptions(base_url=url, api_version="v1beta")
    )

    async def generate(tokens: int) -> Any:
        async for chunk in await google.aio.models.generate_content_stream(
            model=model(tokens), contents=PROMPT
        ):
            yield chunk.text

    return generate


def llmkit_stream(url: str, wire: str) -> Callable[[int], tuple[int, float]]:
    """``llmkit.stream`` as a user would write it, ledger and cost included."""
    import llmkit

    kinds: dict[str, dict[str, Any]] = {
        "openai": {"type": "openai", "api": "chat", "base_url": url + "/v1", "api_key": KEY},
        "responses": {"type": "openai", "api": "responses", "base_url": url + "/v1", "api_key": KEY},
        "anthropic": {"type": "anthropic", "base_url": url, "api_key": KEY},
        "gemini": {"type": "gemini", "base_url": url, "api_key": KEY},
    }
    session = llmkit.Session({"providers": {"bench": kinds[wire]}})

    def run(tokens: int) -> tuple[int, float]:
        began = time.perf_counter()
        count, first = 0, 0.0
        for event in session.stream(PROMPT, model=f"bench/{model(tokens)}", max_tokens=200_000):
            if type(event) is llmkit.Text:
                first = first or time.perf_counter() - began
                count += 1
            elif type(event) is llmkit.Failed:
                raise event.error
        return count, first

    return run


MAKERS = {"raw": raw, "sdk": sdk, "llmkit": llmkit_stream}


# -- measuring --------------------------------------------------------------------------------------------


def measure(client: str, wire: str, url: str, tokens: int) -> dict[str, Any]:
    """One client in this process: a long stream, then many short ones."""
    run = MAKERS[client](url, wire)
    run(50)
    run(50)
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    count, _ = run(tokens)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if count < tokens * 0.99:
        raise RuntimeError(f"{client} on {wire} saw {count} of {tokens} tokens.")
    firsts = [run(5)[1] for _ in range(WARM_REQUESTS)]
    return {
        "client": client,
        "wire": wire,
        "cpu_us": cpu / tokens * 1e6,
        "tokens_s": tokens / wall,
        "first_us": statistics.median(firsts) * 1e6,
    }


@contextmanager
def simulator() -> Iterator[str]:
    """A simulator in its own process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "llmkit.sim", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        yield next(word for word in line.split() if word.startswith("http"))
    finally:
        process.terminate()
        process.wait(10)


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.token_path", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--tokens", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wires", default=",".join(WIRES))
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    parser.add_argument("--one", nargs=3, metavar=("CLIENT", "WIRE", "URL"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        client, wire, url = asked.one
        print(json.dumps(measure(client, wire, url, asked.tokens)))
        return 0
    wires = asked.wires.split(",")
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    with simulator() as url:
        for number in range(asked.rounds):
            order = CLIENTS if number % 2 == 0 else CLIENTS[::-1]
            for wire in wires:
                for client in order:
                    found = _child(client, wire, url, asked.tokens)
                    seen.setdefault((wire, client), []).append(found)
                    print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    medians = {
        f"{wire}/{client}": {
            key: statistics.median(run[key] for run in runs) for key in ("cpu_us", "tokens_s", "first_us")
        }
        for (wire, client), runs in seen.items()
    }
    if asked.json:
        print(json.dumps(medians, indent=1))
    else:
        _print(medians, wires, asked)
    return 0


def _child(client: str, wire: str, url: str, tokens: int) -> dict[str, Any]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks.token_path",
            "--tokens",
            str(tokens),
            "--one",
            client,
            wire,
            url,
        ],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    if done.returncode:
        raise SystemExit(f"{client} on {wire} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _environment() -> dict[str, str]:
    # A ledger of its own: the user's isn't filled with benchmark rows.
    home = Path(tempfile.gettempdir()) / f"llmkit-benchmark-{os.getpid()}"
    return {**os.environ, "LLMKIT_HOME": str(home)}


def _print(medians: dict[str, dict[str, float]], wires: list[str], asked: argparse.Namespace) -> None:
    print(f"{asked.tokens:,} tokens at once, median of {asked.rounds}; one process each, alternating\n")
    print("| wire | client | tokens/s | CPU µs/token | ÷ SDK | first token µs | ÷ SDK |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for wire in wires:
        official = medians[f"{wire}/sdk"]
        for client in CLIENTS:
            m = medians[f"{wire}/{client}"]
            print(
                f"| {wire} | {client} | {m['tokens_s']:,.0f} | {m['cpu_us']:.2f} "
                f"| {m['cpu_us'] / official['cpu_us']:.3f} | {m['first_us']:,.0f} "
                f"| {m['first_us'] / official['first_us']:.2f} |"
            )


if __name__ == "__main__":
    raise SystemExit(main())
