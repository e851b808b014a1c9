"""What the soak runs against: the simulator in a process of its own, an aimock server, a TCP fault proxy.

Each tells afterwards what it was asked (``Asked``), so that the client's ledger can be held against it.
Not a benchmark by itself; see ``soak.py``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: A call's number, in its prompt: by this the server's journal and the ledger are held together.
MARK = re.compile(r"call #(\d+);")

#: Answers that are whole, however odd: what does not come out as a success is a false alarm.
WHOLE = (
    "split=7", "split=random", "crlf", "comments", "unknown", "bom", "open", "document",
    "usage=none", "usage=nan", "usage=negative", "length=7", "stall=3:0.02", "drip=0.002",
    "crlf; comments; unknown; split=5",
)  # fmt: skip
#: Answers that are cut off or spoilt: what comes out as a success is a silent truncation.
CUT = (
    "cut=headers", "cut=120", "cut=120:rst", "drop=0", "drop=3", "drop=3:rst", "eof=0", "eof=3", "eof=all",
    "half=0", "half=3", "malformed=0", "malformed=3", "error=0", "error=3", "error=3:500",
)  # fmt: skip
#: Refusals, and connections that end before an answer.
REFUSED = (
    "status=400", "status=401", "status=404", "status=413", "status=500", "status=503", "status=529",
    "status=429", "status=429; retry-after=0.02", "status=429; retry-after=20ms", "status=429; retry-after=junk",
    "status=429; retry-after=3600", "quota", "credit", "context", "page=502", "page=200", "redirect=307",
    "cut=before", "cut=before:rst",
)  # fmt: skip
#: Answers that never end by themselves: the client's deadline has to.
ENDLESS = ("hang=start", "hang=headers", "stall=3", "keepalive=0", "keepalive=3", "endless")


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the server saw it. ``fault`` is ``None`` where the server doesn't say."""

    call: int | None
    fault: str | None


def urls(root: str) -> dict[str, str]:
    """The base URL of each wire at a server that speaks them all."""
    return {"chat": root + "/v1", "responses": root + "/v1", "anthropic": root, "gemini": root}


class OwnSimulator:
    """The simulator with its chaos, in another process."""

    tells_faults = True

    def __init__(self, seed: int, rate: float, port: int = 0) -> None:
        command = [sys.executable, "-m", "benchmarks.soak_servers", str(seed), str(rate), str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = self._line().strip()

    def asked(self) -> list[Asked]:
        """Every request, in the order of their coming; waits until none is open."""
        if self._process.stdin is None:
            raise RuntimeError("The simulator's process has no stdin.")
        self._process.stdin.write("journal\n")
        self._process.stdin.flush()
        return [Asked(call, fault) for call, fault in json.loads(self._line())]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait(timeout=10)

    def _line(self) -> str:
        if self._process.stdout is None:
            raise RuntimeError("The simulator's process has no stdout.")
        return self._process.stdout.readline()


class Aimock:
    """A running aimock server (third party): its own chaos, its own journal."""

    tells_faults = False

    def __init__(self, root: str, rate: float) -> None:
        self.url = root
        self.rate = rate
        self._control("DELETE", "/__aimock/chaos")
        self._control("POST", "/__aimock/reset/journal")

    def begin(self) -> None:
        """From now on things go wrong."""
        share = self.rate / 4
        chaos = {"dropRate": share, "disconnectRate": share, "malformedRate": share, "rateLimitRate": share}
        self._control("POST", "/__aimock/chaos", chaos)

    def asked(self) -> list[Asked]:
        """Every request of its journal."""
        entries = self._control("GET", "/__aimock/journal")
        found = (MARK.search(json.dumps(entry.get("body"))) for entry in entries)
        return [Asked(int(match[1]), None) for match in found if match]

    def close(self) -> None:
        """Leave it as it was."""
        self._control("DELETE", "/__aimock/chaos")

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None


class Proxy:
    """A running TCP fault proxy in front of a server; its faults change as the run goes on."""

    PHASES: Sequence[dict[str, Any]] = (
        {},
        {"p": 0.3, "cut_after": 1500, "how": "rst"},
        {"p": 0.3, "cut_after": 2300, "how": "fin"},
        {"split": 3},
        {"p": 0.3, "refuse": True},
        {"p": 0.1, "cut_after": 1200, "how": "hole"},
        {"p": 0.1, "accept_hole": True},
        {"p": 0.1, "up_hole": True},
        {"p": 0.5, "latency": 0.02, "jitter": 0.02},
        {"p": 0.3, "cut_after": 300, "how": "rst"},
    )

    def __init__(self, root: str, control: str, seed: int) -> None:
        self.url = root
        self._control = control
        self._seed = seed
        self._set = -1

    def progress(self, share: float) -> None:
        """So much of the run (0 to 1) is done."""
        phase = min(int(share * len(self.PHASES)), len(self.PHASES) - 1)
        if phase != self._set:
            self._set = phase
            body = json.dumps(self.PHASES[phase] | {"seed": self._seed}).encode()
            with urllib.request.urlopen(
                urllib.request.Request(self._control, data=body), timeout=10
            ) as answer:
                answer.read()


def serve(seed: int, rate: float, port: int) -> None:
    """The simulator's process: its URL on the first line, then its journal whenever it is asked for."""
    from llmkit.sim import Simulator

    mix = [*WHOLE, *CUT, *REFUSED, *ENDLESS]
    chaos = f"rate={rate},seed={seed},faults=" + "|".join(mix) if rate else None
    with Simulator(port=port, chaos=chaos, journal=200_000) as simulator:
        print(simulator.url, flush=True)
        for _ in sys.stdin:
            seen = []
            for entry in simulator.settled(timeout=30):
                match = MARK.search(json.dumps(entry.json))
                seen.append((int(match[1]) if match else None, entry.fault))
            print(json.dumps(seen), flush=True)


def main() -> None:
    """``python -m benchmarks.soak_servers SEED RATE PORT``: for ``OwnSimulator`` only."""
    parser = argparse.ArgumentParser()
    parser.add_argument("seed", type=int)
    parser.add_argument("rate", type=float)
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    worker = threading.Thread(target=serve, args=(options.seed, options.rate, options.port))
    worker.start()
    worker.join()


if __name__ == "__main__":
    main()
