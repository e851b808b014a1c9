"""Ten thousand calls while things go wrong; then the ledger is held against what the server saw.

    python -m benchmarks.soak [--n 10000] [--seed 1] [--concurrency 64]
    python -m benchmarks.soak --aimock http://127.0.0.1:4010
    python -m benchmarks.soak --port 4100 --proxy http://127.0.0.1:4101 --control http://127.0.0.1:4102

All wires are mixed. By default the counterparty is the simulator in a process of its own, whose chaos tells
of every request what was done to it. With ``--aimock`` it is a running aimock server with its chaos API. With
``--proxy`` the calls go through a running TCP fault proxy that points to ``--port``. Figures are printed; the
exit status is 1 if one of those that must be 0 is not.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.soak_servers import CUT, ENDLESS, WHOLE, Aimock, Asked, OwnSimulator, Proxy, urls

WIRES = ("chat", "responses", "anthropic", "gemini")
TOKENS = 24
#: Seconds that a call may take.
DEADLINE = 2.0
#: One call in so many is stopped by its caller after a few words.
STOPPED = 40


@dataclass
class Ended:
    """How one call ended, as its caller saw it."""

    number: int
    wire: str
    outcome: str  # ok, or the kind of the error
    text: str = ""
    seconds: float = 0.0
    foreign: str = ""
    attempts: int = 0


@dataclass
class Verdict:
    """The figures. Those of ``must_be_zero`` decide."""

    facts: dict[str, Any] = field(default_factory=dict)
    must_be_zero: dict[str, int] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Is everything as promised?"""
        return not any(self.must_be_zero.values())


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace, home: Path) -> None:
        os.environ["LLMKIT_HOME"] = str(home)
        os.environ["LLMKIT_LEDGER"] = str(home / "soak.db")
        import llmkit

        self.options = options
        self.dice = random.Random(options.seed)
        self.server: OwnSimulator | Aimock
        if options.aimock:
            self.server = Aimock(options.aimock, options.chaos)
        else:
            self.server = OwnSimulator(options.seed, 0.0 if options.proxy else options.chaos, options.port)
        self.proxy = Proxy(options.proxy, options.control, options.seed) if options.proxy else None
        if self.proxy is not None:
            self.proxy.progress(0.0)
        root = self.proxy.url if self.proxy is not None else self.server.url
        self.session: llmkit.Session = llmkit.Session(self._config(root))
        self.plain: dict[str, str] = {}
        self.ended: list[Ended] = []
        self.odd: list[str] = []  # what was judged wrongly, in words
        self.lock = threading.Lock()

    def _config(self, root: str) -> dict[str, Any]:
        providers: dict[str, Any] = {}
        for wire, url in urls(root).items():
            kind = {"type": "openai", "api": wire} if wire in ("chat", "responses") else {"type": wire}
            limits = {"concurrency": self.options.concurrency}
            providers[wire] = {**kind, "base_url": url, "api_key": "k" * 16, "limits": limits}
            if self.proxy is not None:
                # The simulator answers to its own name only; the proxy deals out a fault a connection.
                host = self.server.url.removeprefix("http://")
                providers[wire]["headers"] = {"host": host, "connection": "close"}
        return {
            "providers": providers,
            "retry": {"base": 0.01, "cap": 0.05},
            # Chaos is no outage: after a moment the breaker tries again.
            "breaker": {"threshold": 10, "cooldown": 0.05},
            "timeouts": {"first_byte": 1.5, "idle": 1.0, "connect": 1.0},
        }

    # -- asking -------------------------------------------------------------------------------

    def ask(self, number: int) -> Ended:
        """One call, to its end."""
        import llmkit

        wire = WIRES[number % len(WIRES)]
        stop_after = 2 if number % STOPPED == STOPPED - 1 else None
        began = time.monotonic()
        ended = Ended(number, wire, "none")
        try:
            stream = self.session.stream(
                f"{self.options.prompt} call #{number};",
                model=f"{wire}/{self.options.model}",
                timeout=DEADLINE,
                tag=str(number),
                stream=number % 10 != 7,  # some ask for one document
            )
            for events, event in enumerate(stream, 1):
                if events == stop_after:
                    stream.stop("enough")
                match event:
                    case llmkit.Done(reply):
                        ended.outcome, ended.text, ended.attempts = "ok", reply.text, reply.attempts
                    case llmkit.Failed(error, partial):
                        ended.outcome, ended.text, ended.attempts = error.kind, partial.text, partial.attempts
                    case _:
                        pass
        except llmkit.LLMKitError as error:
            ended.outcome = error.kind
        except Exception as error:
            ended.foreign = f"{type(error).__name__}: {error}"
        ended.seconds = time.monotonic() - began
        if self.proxy is not None:
            with self.lock:
                self.proxy.progress(len(self.ended) / self.options.n)
        return ended

    def run(self) -> Verdict:
        """All calls, then the verdict."""
        self._learn_plain_answers()
        if isinstance(self.server, Aimock):
            self.server.begin()
        began, cpu = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(self.options.concurrency) as pool:
            for ended in pool.map(self.ask, range(self.options.n)):
                with self.lock:
                    self.ended.append(ended)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        verdict = judge(self, self.server.asked())
        verdict.facts |= {
            "seconds": round(wall, 1),
            "calls a second": round(self.options.n / wall),
            "CPU s": round(cpu, 1),
        }
        return verdict

    def close(self) -> None:
        """End the server."""
        self.server.close()
        self.session.ledger.close()

    def _learn_plain_answers(self) -> None:
        """What each wire answers when nothing goes wrong, to hold the rest against. This also loads the
        SDKs, which takes a second that no call's deadline should pay for."""
        import llmkit

        direct = llmkit.Session(self._config(self.server.url))
        for wire in WIRES:
            name = f"{wire}/{self.options.model}"
            try:
                self.plain[wire] = direct.ask(self.options.prompt, model=name, timeout=30).text
            except llmkit.LLMKitError:  # the simulator's chaos, which also says what it did
                self.plain[wire] = ""


# -- judging ---------------------------------------------------------------------------------------


def judge(soak: Soak, asked: list[Asked]) -> Verdict:
    """Hold what callers saw, what the ledger says and what the server saw against each other."""
    from llmkit.engine.settle import NOTHING_SENT

    ledger = soak.session.ledger
    rows = list(ledger.rows(session=soak.session.id, simulated=True))
    by_call: dict[int, list[dict[str, Any]]] = collections.defaultdict(list)
    for row in rows:
        by_call[int(row["tag"])].append(row)
    seen: dict[int, list[Asked]] = collections.defaultdict(list)
    for request in asked:
        if request.call is not None:
            seen[request.call].append(request)
    sent = {n: [r for r in of if r["cost_note"] != NOTHING_SENT] for n, of in by_call.items()}
    # A call that can't connect, that is stopped while it connects, or whose bytes a proxy swallows, has a row and no request:
    # it may have been billed for all we know. Without any answer there is no request id.
    unanswered = {
        n: [r for r in of if r["request_id"] is None and r["status"] != "ok"] for n, of in sent.items()
    }
    unseen = lost = 0
    for number in range(soak.options.n):
        more = len(sent.get(number, ())) - len(seen.get(number, ()))
        allowed = [
            r
            for r in unanswered.get(number, ())
            if r["status"] == "cancelled" or r["error_kind"] in _NO_CONNECTION or soak.proxy is not None
        ]
        if 0 < more <= len(allowed):
            unseen += more
        elif more:
            lost += abs(more)
    kinds = collections.Counter(ended.outcome for ended in soak.ended)
    times = sorted(ended.seconds for ended in soak.ended)
    verdict = Verdict()
    verdict.facts = {
        "calls": len(soak.ended),
        "requests the server counted": sum(map(len, seen.values())),
        "rows of requests": sum(map(len, sent.values())) - unseen,
        "rows of attempts that never reached it": unseen,
        "rows of attempts not sent": len(rows) - sum(map(len, sent.values())),
        "calls tried again": sum(ended.attempts > 1 for ended in soak.ended),
        "outcomes": dict(kinds.most_common()),
        "statuses": dict(collections.Counter(row["status"] for row in rows).most_common()),
        "faults met": sum(bool(request.fault) for request in asked),
        "seconds a call, median and longest": (round(statistics.median(times), 3), round(times[-1], 2)),
    }
    truncations, alarms = _misjudged(soak, seen)
    verdict.must_be_zero = {
        "requests without a row, or rows without a request": lost,
        "calls without a row": sum(number not in by_call for number in range(soak.options.n)),
        "rows never settled": sum(row["settled"] is None for row in rows),
        "settled twice": ledger.ignored_settles,
        "rows held back": int(not ledger.healthy),
        "calls without an end": kinds["none"],
        "calls over their deadline by more than a second": sum(
            t > DEADLINE + soak.options.grace for t in times
        ),
        "exceptions that are not llmkit's": sum(bool(ended.foreign) for ended in soak.ended),
        "unforeseen failures": kinds["error"],
        "truncations reported as success": truncations,
        "complete answers reported as truncated": alarms,
        "successes whose row says otherwise": sum(
            (ended.outcome == "ok") != any(row["status"] == "ok" for row in by_call.get(ended.number, ()))
            for ended in soak.ended
            if ended.outcome != "deadline"  # its caller left, where the machine is busy even as it ended well
        ),
    }
    return verdict


#: Attempts that ended with these never became a request.
_NO_CONNECTION = {"connect", "connect_timeout", "tls"}
#: The faults of CUT and ENDLESS that do something to a document; the others are of streams only.
_ALSO_DOCUMENTS = ("cut=", "hang=start")
#: What a caller is told of an answer that is not whole.
_CUT_OFF = {"truncated", "malformed", "mid_stream", "stream", "not_a_stream"}


def _misjudged(soak: Soak, seen: dict[int, list[Asked]]) -> tuple[int, int]:
    """Successes that were none, and failures that were none."""
    truncations = alarms = 0
    for ended in soak.ended:
        last = seen[ended.number][-1].fault if seen.get(ended.number) else None
        if soak.proxy is not None or not soak.server.tells_faults:
            # Nobody says what was done, but a whole answer is known word by word.
            truncations += ended.outcome == "ok" and ended.text != soak.plain[ended.wire]
            continue
        if last is None:
            continue
        streamed = ended.number % 10 != 7
        if ended.outcome == "ok":
            wrong = last in (*CUT, *ENDLESS) and (streamed or last.startswith(_ALSO_DOCUMENTS))
            truncations += wrong
            if wrong:
                soak.odd.append(
                    f"call {ended.number} ({ended.wire}): a success after {last!r}: {ended.text!r}"
                )
        elif ended.outcome in _CUT_OFF:
            wrong = last in WHOLE or not last
            alarms += wrong
            if wrong:
                soak.odd.append(
                    f"call {ended.number} ({ended.wire}): {ended.outcome} after {last!r}: {ended.text!r}"
                )
    return truncations, alarms


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    made.add_argument("--n", type=int, default=10_000, help="calls")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--concurrency", type=int, default=64, help="threads that ask at once")
    made.add_argument(
        "--chaos", type=float, default=0.18, help="the share of requests that something happens to"
    )
    made.add_argument(
        "--grace", type=float, default=1.0, help="seconds after its deadline that a call may take"
    )
    made.add_argument("--port", type=int, default=0, help="the simulator's port (any free one)")
    made.add_argument("--aimock", help="the URL of a running aimock server")
    made.add_argument("--proxy", help="the URL of a running TCP fault proxy")
    made.add_argument("--control", help="the URL of its control port")
    made.add_argument("--model", help="the model to ask for (one that the server knows)")
    made.add_argument("--prompt", default="Say something.")
    made.add_argument("--json", action="store_true")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it and print the figures; the exit status."""
    options = parser().parse_args(arguments)
    if bool(options.proxy) != bool(options.control):
        parser().error("--proxy and --control go together")
    if options.model is None:  # aimock takes any name that needs no quoting in a path
        options.model = "gpt-4o" if options.aimock else f"bench:tokens={TOKENS},rate=0,ttft=0"
    with tempfile.TemporaryDirectory(prefix="llmkit-soak-") as home:
        soak = Soak(options, Path(home))
        try:
            verdict = soak.run()
            soak.odd += [f"call {e.number} ({e.wire}): {e.foreign}" for e in soak.ended if e.foreign]
            report(verdict, soak.odd, as_json=options.json)
        finally:
            soak.close()
    return 0 if verdict.good else 1


def report(verdict: Verdict, odd: list[str], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(
            json.dumps({"facts": verdict.facts, "must_be_zero": verdict.must_be_zero, "good": verdict.good})
        )
        return
    for name, value in verdict.facts.items():
        print(f"{name:44} {value}")
    print()
    for name, count in verdict.must_be_zero.items():
        print(f"{name:52} {count}{'' if not count else '   <-- must be 0'}")
    for line in odd[:10]:
        print(line)
    print("\nAll as promised." if verdict.good else "\nNot as promised.")


if __name__ == "__main__":
    sys.exit(main())
