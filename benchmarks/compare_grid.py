"""How long a grid takes beside the shortest time that its limits allow: 6 prompts, 5 models, 3 repeats.

    python -m benchmarks.compare_grid [--prompts 6] [--models 5] [--repeats 3] [--at-once 10] [--json]

Every simulated answer takes the same time, so that the ideal is known: as many rounds as there are answers for each
place, each as long as one answer. Printed: the wall time, the ideal, their ratio, and how many calls the server saw;
then the same for ``rerun()`` after some were lost.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from typing import Any

TTFT, RATE = 0.25, 100


def measure(
    prompts: int = 6, models: int = 5, repeats: int = 3, at_once: int = 10, tokens: int = 50
) -> dict[str, Any]:
    """Run the grid over real sockets; everything of it is in this process."""
    import llmkit
    from llmkit.sim import Simulator

    one = TTFT + tokens / RATE
    with Simulator() as simulator:
        here = {"type": "openai", "api": "chat", "base_url": f"{simulator.url}/v1", "api_key": "benchmark"}
        session = llmkit.Session({"providers": {"here": here}})
        names = [
            f"here/bench:tokens={tokens},rate={RATE},ttft={1000 * TTFT + n / 1000:g}" for n in range(models)
        ]
        session.compare("Warm up.", names[:1], confirm=False)  # connections, prices, the ledger's file
        before = simulator.attempts
        began = time.perf_counter()
        cmp = session.compare(
            [f"Question {n}?" for n in range(prompts)],
            names,
            repeats=repeats,
            max_concurrency=at_once,
            confirm=False,
        )
        took = time.perf_counter() - began
        sent = simulator.attempts - before
        lost = cmp.cells[::9]
        for cell in lost:
            cell.errand.status = "cancelled"
        began = time.perf_counter()
        cmp.rerun()
        again = time.perf_counter() - began
        ideal = math.ceil(len(cmp) / at_once) * one
        ideal_again = math.ceil(len(lost) / at_once) * one
        found = {
            "answers": len(cmp),
            "ok": sum(cell.status == "ok" for cell in cmp),
            "calls at the server": sent,
            "at once": at_once,
            "wall s": round(took, 2),
            "ideal s": round(ideal, 2),
            "ratio": round(took / ideal, 3),
            "missing": len(lost),
            "calls of the rerun": simulator.attempts - before - sent,
            "rerun ratio": round(again / ideal_again, 3),
        }
        session.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=6)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="machine-readable")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="llmkit-benchmark-") as home:
        os.environ["LLMKIT_HOME"] = home
        found = measure(asked.prompts, asked.models, asked.repeats, asked.at_once)
    told = "\n".join(f"  {what:24}{value!s:>10}" for what, value in found.items())
    print(json.dumps(found) if asked.json else told)


if __name__ == "__main__":
    main()
