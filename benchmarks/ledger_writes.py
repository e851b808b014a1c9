"""What the ledger costs a call: both of its writes, in a file, in milliseconds.

python -m benchmarks.ledger_writes [attempts]
"""

from __future__ import annotations

import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from llmkit.core.reply import Reply, Timing
from llmkit.core.usage import Cost, Usage
from llmkit.ledger import Ledger

REPLY = Reply(
    usage=Usage(input=1200, cache_read=300, output=400, source="provider"),
    cost=Cost(Decimal("0.0012"), source="genai-prices", price_date="2026-11-09"),
    timing=Timing(0.4, 3.2),
    model="gpt-6-luna",
    id="resp_0123456789",
    request_id="req_0123456789",
)


def attempt(ledger: Ledger, number: int) -> float:
    """The seconds that beginning and settling one attempt take."""
    start = time.perf_counter()
    name = ledger.begin(
        call=str(number), attempt=1, session="bench", provider="openai", model="gpt-6-luna", tag="bench"
    )
    ledger.settle(name, status="ok", reply=REPLY, bytes_in=9000)
    return time.perf_counter() - start


def main() -> None:
    attempts = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory() as home, Ledger.open(Path(home) / "ledger.db") as ledger:
        seconds = sorted(attempt(ledger, number) for number in range(attempts))
        assert ledger.healthy, ledger.notices
    median, slow = seconds[len(seconds) // 2], seconds[len(seconds) * 99 // 100]
    print(
        f"{attempts} attempts, two writes each: median {median * 1e3:.3f} ms, 99 % within {slow * 1e3:.3f} ms"
    )


if __name__ == "__main__":
    main()
