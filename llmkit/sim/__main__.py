"""``python -m llmkit.sim``: the simulator as a program. Its first line on stdout is its URL."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from llmkit.core.errors import ConfigError
from llmkit.sim.models import MODELS
from llmkit.sim.server import Simulator


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator until interrupted; the exit status."""
    options = _parser().parse_args(argv)
    if options.models:
        for model in MODELS.values():
            print(f"{model.name:14} {model.summary}")
        return 0
    with _signals() as asked_to_end:
        return _run(options, asked_to_end)


def _run(options: argparse.Namespace, asked_to_end: threading.Event) -> int:
    pace = options.pace if options.pace in ("model", "instant") else _number(options.pace)
    try:
        simulator = Simulator(
            options.port,
            options.seed,
            host=options.host,
            pace=pace,
            chaos=options.chaos,
            prompt_faults=options.prompt_faults,
            signatures=options.signatures,
            token=options.token,
            journal=100,
        ).start()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    print(simulator.url, flush=True)
    _explain(simulator.url)
    while not asked_to_end.wait(1.0):  # a wait without end would hold signals back on some systems
        pass
    simulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llmkit sim", description="A model provider on loopback: every wire, no key, no money."
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any free one")
    parser.add_argument("--host", default="127.0.0.1", help="another address than loopback needs --token")
    parser.add_argument("--token", help="clients must send it as their API key")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pace", default="model", help="model, instant, or a factor")
    parser.add_argument("--chaos", help="a random mix of faults, e.g. rate=0.2,seed=1")
    parser.add_argument("--prompt-faults", action="store_true", help="obey [[fault: ...]] in prompts")
    parser.add_argument("--signatures", choices=("checked", "required"), default="checked")
    parser.add_argument("--models", action="store_true", help="list the simulated models and leave")
    return parser


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # which the simulator refuses, with the words for it


def _explain(url: str) -> None:
    print(
        f"OpenAI base URL     {url}/v1\nAnthropic base URL  {url}\nGemini base URL     {url}\n"
        "Any key will do. Interrupt to stop.",
        file=sys.stderr,
        flush=True,
    )


@contextmanager
def _signals() -> Iterator[threading.Event]:
    """Set by SIGINT or SIGTERM. In place before the URL is printed: whoever reads it may end us."""
    asked = threading.Event()
    before = {n: signal.signal(n, lambda *_: asked.set()) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
