"""A short run of the soak: every request has its row, every row its end, and nothing is taken for what it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_five_hundred_calls_in_chaos_are_all_accounted_for(child_environment: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.soak",
        "--n",
        "500",
        "--seed",
        "1",
        "--chaos",
        "0.3",
        "--grace",
        "60",  # how quick it is on a machine that has other things to do is not for a test to say
        "--json",
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=child_environment, capture_output=True, text=True, timeout=350
    )
    assert done.stdout, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["must_be_zero"] == dict.fromkeys(verdict["must_be_zero"], 0)
    assert len(verdict["must_be_zero"]) >= 11
    assert verdict["facts"]["calls"] == 500
    assert verdict["facts"]["faults met"] > 75
    assert done.returncode == 0
