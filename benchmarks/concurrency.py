"""Many calls at once: ``llmkit.stream`` beside the official SDK's typed client, on the same simulator.

    python -m benchmarks.concurrency [--requests 1000] [--concurrency 100] [--rounds 3] [--json]

Each request waits 200 ms for its first token and then gets 50 at once, so the ideal time is known: requests
÷ concurrency × 200 ms. Every measurement runs in a process of its own, in alternating order. CPU is the whole
process's, so both threads of llmkit count, and so do its ledger and its prices. Printed: wall time ÷ ideal,
CPU per request, and the ratio to the SDK. The exit status is 1 if llmkit takes more than 1.3 × the ideal
time, or more CPU than the SDK.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable

from benchmarks.token_path import KEY, PROMPT, simulator

WIRES = ("openai", "anthropic", "gemini")
CLIENTS = ("sdk", "llmkit")
TOKENS, WAIT = 50, 0.2
MODEL = f"bench:tokens={TOKENS},rate=0,ttft={WAIT * 1000:.0f}"
MOST_WALL, MOST_CPU = 1.3, 1.0

Ask = Callable[[], AsyncIterator[str]]


def sdk(url: str, wire: str, _concurrency: int) -> Ask:
    """The official client's typed stream, as its manual shows it."""
    match wire:
        case "openai":
            import openai

            client = openai.AsyncOpenAI(api_key=KEY, base_url=url + "/v1", max_retries=0)

            async def chat() -> AsyncIterator[str]:
                stream = await client.chat.completions.create(
                    model=MODEL,
                    messages=[{"role": "user", "content": PROMPT}],
                    stream=True,
                    stream_options={"include_usage": True},
                )
                async for chunk in stream:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        yield text

            return chat
        case "anthropic":
            import anthropic

            claude = anthropic.AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0)

            async def messages() -> AsyncIterator[str]:
                stream = await claude.messages.create(
                    model=MODEL, max_tokens=1000, messages=[{"role": "user", "content": PROMPT}], stream=True
                )
                async for event in stream:
                    if event.type == "content_block_delta" and event.delta.type == "text_delta":
                        yield event.delta.text

            return messages
        case _:
            from google import genai
            from google.genai import types

            options = types.HttpOptions(base_url=url, api_version="v1beta")
            google = genai.Client(api_key=KEY, vertexai=False, http_options=options)

            async def generate() -> AsyncIterator[str]:
                stream = await google.aio.models.generate_content_stream(model=MODEL, contents=PROMPT)
                async for chunk in stream:
                    if text := chunk.text:
                        yield text

            return generate


def ours(url: str, wire: str, concurrency: int) -> Ask:
    """``session.stream`` as a user would write it, ledger and cost included."""
    import llmkit

    kind = {"type": wire, "base_url": url + ("/v1" if wire == "openai" else "")}
    if wire == "openai":
        kind["api"] = "chat"
    config = {"providers": {"bench": {**kind, "api_key": KEY, "limits": {"concurrency": concurrency}}}}
    session = llmkit.Session(config)

    async def stream() -> AsyncIterator[str]:
        async for event in session.stream(PROMPT, model=f"bench/{MODEL}", max_tokens=1000):
            if type(event) is llmkit.Text:
                yield event.text
            elif type(event) is llmkit.Failed:
                raise event.error

    return stream


MAKERS = {"sdk": sdk, "llmkit": ours}


async def measure(client: str, wire: str, url: str, requests: int, concurrency: int) -> dict[str, float]:
    """One client in this process: all requests, so many at once."""
    ask = MAKERS[client](url, wire, concurrency)
    gate = asyncio.Semaphore(concurrency)

    async def one() -> int:
        async with gate:
            return sum([len(text) async for text in ask()])

    await asyncio.gather(*(one() for _ in range(concurrency)))  # connections are made, code is warm
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    lengths = await asyncio.gather(*(one() for _ in range(requests)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if len(set(lengths)) != 1 or not lengths[0]:
        raise RuntimeError(f"{client} on {wire} lost text: {sorted(set(lengths))}.")
    return {"wall": wall / (requests / concurrency * WAIT), "cpu_ms": cpu / requests * 1e3}


def child(client: str, wire: str, url: str, asked: argparse.Namespace) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.concurrency", "--one", client, wire, url]
    command += ["--requests", str(asked.requests), "--concurrency", str(asked.concurrency)]
    with tempfile.TemporaryDirectory(prefix="llmkit-benchmark-") as home:
        env = {**os.environ, "LLMKIT_HOME": home, "LLMKIT_LEDGER": os.path.join(home, "ledger.db")}  # noqa: PTH118
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise SystemExit(f"{client} on {wire} failed:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.concurrency", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wires", default=",".join(WIRES))
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    parser.add_argument("--one", nargs=3, metavar=("CLIENT", "WIRE", "URL"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        client, wire, url = asked.one
        print(json.dumps(asyncio.run(measure(client, wire, url, asked.requests, asked.concurrency))))
        return 0
    wires = asked.wires.split(",")
    seen: dict[tuple[str, str], list[dict[str, float]]] = {}
    with simulator() as url:
        for number in range(asked.rounds):
            for wire in wires:
                for client in CLIENTS if number % 2 == 0 else CLIENTS[::-1]:
                    seen.setdefault((wire, client), []).append(child(client, wire, url, asked))
                    print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    medians = {
        f"{wire}/{client}": {key: statistics.median(run[key] for run in runs) for key in ("wall", "cpu_ms")}
        for (wire, client), runs in seen.items()
    }
    return report(medians, wires, asked)


def report(medians: dict[str, dict[str, float]], wires: list[str], asked: argparse.Namespace) -> int:
    """Print the figures; 1 if one is not as promised."""
    good = True
    if asked.json:
        print(json.dumps(medians, indent=1))
    else:
        print(
            f"{asked.requests:,} requests of {TOKENS} tokens, {asked.concurrency} at once, {WAIT * 1000:.0f} ms to the"
        )
        print(f"first token; median of {asked.rounds}, one process each, alternating\n")
        print("| wire | client | wall ÷ ideal | CPU ms/request | ÷ SDK |\n|---|---|---:|---:|---:|")
    for wire in wires:
        official = medians[f"{wire}/sdk"]
        for client in CLIENTS:
            found = medians[f"{wire}/{client}"]
            ratio = found["cpu_ms"] / official["cpu_ms"]
            if client == "llmkit":
                good = good and found["wall"] <= MOST_WALL and ratio < MOST_CPU
            if not asked.json:
                print(f"| {wire} | {client} | {found['wall']:.2f} | {found['cpu_ms']:.2f} | {ratio:.2f} |")
    if not asked.json:
        print(
            "\nAs promised."
            if good
            else f"\nNot as promised: at most {MOST_WALL} × ideal, and less CPU than the SDK."
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
