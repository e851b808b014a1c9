"""Write docs/benchmarks.md from what the benchmarks themselves print: ratios of one run, its date and machine class.

python scripts/write_benchmarks.py [--quick]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "benchmarks.md"
WIRES = {
    "openai": "OpenAI chat", "responses": "OpenAI responses", "anthropic": "Anthropic", "gemini": "Gemini"
}  # fmt: skip
#: (benchmark, its options here, its options when quick)
RUNS = {
    "token_path": (
        ("--json", "--tokens", "10000", "--rounds", "2"),
        ("--json", "--tokens", "3000", "--rounds", "1"),
    ),
    "concurrency": (
        ("--json", "--requests", "300", "--rounds", "2"),
        ("--json", "--requests", "100", "--rounds", "1"),
    ),
    "ledger": (
        ("--json", "--rows", "200000", "--rounds", "1"),
        ("--json", "--rows", "50000", "--rounds", "1"),
    ),
    "compare_grid": (("--json",), ("--json",)),
    "routing": ((), ("--n", "2000")),
}


def printed(name: str, *, quick: bool) -> str:
    """What a benchmark says; a figure that is not as promised ends it with 1, and is still told."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *RUNS[name][quick]]
    sys.stderr.write(f"{' '.join(command[1:])}\n")
    ran = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    if not ran.stdout.strip():
        raise SystemExit(f"{name} said nothing")
    return ran.stdout


def values(text: str) -> dict[str, Any]:
    """The JSON at the end of what was printed."""
    found: dict[str, Any] = json.loads(text[text.index("{") :])
    return found


def times(of: float, to: float) -> str:
    """How many times as much, in words of a table."""
    ratio = of / to
    return f"{ratio:.0f} ×" if ratio >= 10 else f"{ratio:.1f} ×"


def table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    """Markdown."""
    lines = [head, ("---", *("---:" for _ in head[1:])), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tokens(found: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, ...]]:
    """A token of llmkit's beside one of the SDK's."""
    for wire, name in WIRES.items():
        ours, theirs = found[f"{wire}/llmkit"], found[f"{wire}/sdk"]
        yield (
            name,
            times(theirs["cpu_us"], ours["cpu_us"]),
            times(ours["tokens_s"], theirs["tokens_s"]),
            times(theirs["first_us"], ours["first_us"]),
        )


def calls(found: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, ...]]:
    """Many calls of llmkit's beside as many of the SDK's."""
    for wire, name in WIRES.items():
        if f"{wire}/llmkit" in found:
            ours, theirs = found[f"{wire}/llmkit"], found[f"{wire}/sdk"]
            yield name, times(theirs["wall"], ours["wall"]), times(theirs["cpu_ms"], ours["cpu_ms"])


def page(*, quick: bool) -> str:
    """The whole page."""
    said = {name: printed(name, quick=quick) for name in RUNS}
    grid = values(said["compare_grid"])
    sdks = ", ".join(f"{name} {version(name)}" for name in ("openai", "anthropic", "google-genai"))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    per_token = tokens(values(said["token_path"]))
    routed = [line.split(":") for line in said["routing"].splitlines() if line.startswith(("ok ", "OFF "))]
    return f"""# Benchmarks

Ratios, each measured in one run on one machine, for a machine's own seconds say little about another's. Written by
`make benchpage` on {dt.datetime.now(dt.UTC):%Y-%m-%d} ({machine}; {sdks}); both sides talk to the same
simulator over a real socket. `make bench` prints the figures themselves; above 1 is to llmkit's credit, below it to the SDK's.

## A token

`python -m benchmarks.token_path`: the official SDK's typed stream beside `llmkit.stream`, on the same bytes, as fast as they
can be sent.

{table(("wire", "CPU for a token: SDK ÷ llmkit", "tokens a second: llmkit ÷ SDK", "first token: SDK ÷ llmkit"), per_token)}

## Many calls at once

`python -m benchmarks.concurrency`: every call of llmkit's with its row in the ledger and its price.

{table(("wire", "time: SDK ÷ llmkit", "CPU: SDK ÷ llmkit"), calls(values(said["concurrency"])))}

## A grid of answers

`python -m benchmarks.compare_grid`: {grid["answers"]} answers, {grid["at once"]} at once, take {grid["ratio"]:.2f} × the
shortest time that these limits allow (1 is best). `rerun()` after {grid["missing"]} were lost sends {grid["calls of the rerun"]} calls.

## The ledger

`python -m benchmarks.ledger`: pricing the rows of a ledger at once, beside a loop over genai-prices with the same results:
{values(said["ledger"])["prices"]["ratio"]:.0f} × as fast.

## A day of trouble, routed

`python -m benchmarks.routing`: requests over four providers with outages, brown-outs and waves of 429, played on a
clock of its own.

{table(("what must hold", "measured"), ((words[0].split(maxsplit=1)[1], words[1].strip()) for words in routed))}

![The day: who had trouble when, and who answered](routing.svg)
"""


def main() -> int:
    """Write it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller runs, to try this script")
    TARGET.write_text(page(quick=parser.parse_args().quick), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
