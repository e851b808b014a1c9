"""A ledger of a million attempts: its sums, its table, and its prices beside a loop over genai-prices.

    python -m benchmarks.ledger [--rows 1000000] [--rounds 3] [--json]

An invented month is written once and multiplied in SQL. Every question is asked in a process of its own, on the
same file; its peak of memory is counted from where pandas is loaded. The loop prices a sample of 10,000 rows with
genai-prices' own ``calc_price``, one call after the other; the same rows are then priced at once, and the figures
compared. The exit status is 1 if a figure is not as promised: sums by model and day within 1.5 s and 400 MB, the whole table
within 8 s, pricing at least 20 times as fast as the loop, with the same results.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

QUESTIONS = ("by", "table", "few columns", "prices")
SAMPLE = 10_000
MOST = {"by": 1.5, "table": 8.0}
MOST_MB, LEAST_RATIO = 400, 20


def build(path: Path, rows: int) -> None:
    """An invented month, again and again, each time with ids of its own and a little later."""
    from llmkit.ledger.sample import history
    from llmkit.ledger.schema import COLUMNS

    history(
        str(path), days=30, calls=min(rows, 4000), until=datetime(2026, 11, 20, tzinfo=UTC)
    ).ledger.close()
    fresh = {
        "id": "lower(hex(randomblob(16)))",
        "call": "lower(hex(randomblob(12)))",
        "started": "started + 0.5",
    }
    copied = ", ".join(fresh.get(name, name) for name in COLUMNS)
    with sqlite3.connect(path) as db:
        while (left := rows - db.execute("SELECT count(*) FROM attempts").fetchone()[0]) > 0:
            db.execute(
                f"INSERT INTO attempts ({', '.join(COLUMNS)}) SELECT {copied} FROM attempts LIMIT {left}"
            )
        db.execute("UPDATE attempts SET simulated = 0")
    db.close()


def ask(question: str, path: Path) -> dict[str, Any]:
    """One question in this process: seconds, and how much memory it took at the most."""
    from llmkit.ledger import Ledger
    from llmkit.ledger.accounts import Accounts

    ledger = Ledger.open(path)
    book = Accounts(lambda: ledger)
    asked: dict[str, Callable[[], Any]] = {
        "by": lambda: book.by("model", "day"),
        "table": book,
        "few columns": lambda: book(columns=["started", "model", "cost"]),
        "prices": lambda: prices(book),
    }
    import pandas as pd

    pd.Series([1], dtype="string").isna()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = asked[question]()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told = found if isinstance(found, dict) else {"found": len(found)}
    return {"seconds": seconds, "mb": (after - before) / 1024, **told}


def prices(book: Any) -> dict[str, Any]:
    """Price a million rows at once, and a sample of them in a loop."""
    from genai_prices import Usage, calc_price

    from llmkit.core.usage import Usage as Ours
    from llmkit.models.bulk import price_many
    from llmkit.models.prices import cost_of

    counts = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"]
    kinds = ["started", "provider", "model", "model_served", "endpoint", "service_tier"]
    frame = book(columns=[*kinds, *counts])
    known = frame[frame["input"].notna() & frame["output"].notna() & (frame["provider"] != "ollama")]
    start = time.perf_counter()
    many = price_many(known)
    at_once = (time.perf_counter() - start) / len(known)
    sample = known.sample(min(SAMPLE, len(known)), random_state=1)
    rows = sample.astype(object).where(sample.notna(), None).to_dict("records")
    start = time.perf_counter()
    for row in rows:
        used = {name: row[name] or 0 for name in counts}
        written = used["cache_write_5m"] + used["cache_write_1h"]
        calc_price(
            Usage(
                input_tokens=used["input"] + used["cache_read"] + written,
                cache_read_tokens=used["cache_read"],
                cache_write_tokens=written,
                output_tokens=used["output"],
            ),
            model_ref=row["model"],
            provider_id={"gemini": "google"}.get(row["provider"], row["provider"]),
            genai_request_timestamp=row["started"].to_pydatetime(),
        )
    one_by_one = (time.perf_counter() - start) / len(rows)
    exact = [
        cost_of(
            Ours(source="provider", **{name: row[name] for name in counts}),
            provider=row["provider"],
            model=row["model"],
            at=row["started"].to_pydatetime(),
        ).amount
        for row in rows
    ]
    found = dict(zip(known.index, many.cost.tolist(), strict=True))
    different = sum(
        abs(float(cost if cost is not None else "nan") - found[index]) > 1e-15
        for index, cost in zip(sample.index, exact, strict=True)
    )
    return {
        "found": len(known),
        "different": different,
        "ratio": one_by_one / at_once,
        "us_loop": one_by_one * 1e6,
        "us_at_once": at_once * 1e6,
    }


def child(question: str, path: Path) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.ledger", "--one", question, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    if done.returncode:
        raise SystemExit(f"{question} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    """Build it, ask, print; 1 if a figure is not as promised."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print the medians as JSON")
    parser.add_argument("--one", nargs=2, metavar=("QUESTION", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        print(json.dumps(ask(asked.one[0], Path(asked.one[1]))))
        return 0
    with tempfile.TemporaryDirectory(prefix="llmkit-benchmark-") as home:
        path = Path(home) / "ledger.db"
        build(path, asked.rows)
        print(f"{asked.rows:,} attempts, {path.stat().st_size / 2**20:.0f} MB", file=sys.stderr)
        runs = {question: [child(question, path) for _ in range(asked.rounds)] for question in QUESTIONS}
    medians = {
        question: {key: statistics.median(run[key] for run in found) for key in found[0]}
        for question, found in runs.items()
    }
    return report(medians, as_json=asked.json)


def report(medians: dict[str, dict[str, float]], *, as_json: bool) -> int:
    """Print the figures; 1 if one is not as promised."""
    priced = medians["prices"]
    wrong = [
        f"{name} took {medians[name]['seconds']:.1f} s"
        for name, most in MOST.items()
        if medians[name]["seconds"] > most
    ]
    if medians["by"]["mb"] > MOST_MB:
        wrong.append(f"sums took {medians['by']['mb']:.0f} MB")
    if priced["ratio"] < LEAST_RATIO or priced["different"]:
        wrong.append(
            f"pricing is {priced['ratio']:.0f} times as fast, {priced['different']:.0f} figures differ"
        )
    if as_json:
        print(json.dumps(medians, indent=1))
        return 1 if wrong else 0
    print("| question | seconds | peak MB | rows |\n|---|---:|---:|---:|")
    names = {
        "by": 'usage.by("model", "day")',
        "table": "usage()",
        "few columns": "usage(columns=[3 of them])",
    }
    for question, name in names.items():
        found = medians[question]
        print(f"| `{name}` | {found['seconds']:.2f} | {found['mb']:.0f} | {found['found']:,.0f} |")
    print(
        f"\nPrices: {priced['us_at_once']:.2f} µs a row at once, {priced['us_loop']:.1f} µs in a loop over genai-prices:"
        f" {priced['ratio']:.0f} times as fast; {priced['different']:.0f} of {SAMPLE:,} differ."
    )
    print("\nAs promised." if not wrong else f"\nNot as promised: {'; '.join(wrong)}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
