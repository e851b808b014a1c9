"""The command line: ``llmkit ask``, ``usage``, ``sim``, ``demo``. Reading arguments, nothing else.

A command that is more than a few lines has a file of its own here, with an ``add(commands)``.

>>> main(["--version"])  # doctest: +SKIP
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import llmkit
from llmkit.cli import keys, scrub
from llmkit.core.errors import LLMKitError
from llmkit.core.events import Done, Failed, Text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the result is the exit code (0 good, 1 the call failed, 2 wrong usage, 130 stopped)."""
    asked = _parser().parse_args(arguments)
    try:
        code: int = asked.run(asked)
    except LLMKitError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llmkit", description="Language models, with an honest ledger.")
    parser.add_argument("--version", action="version", version=f"llmkit {llmkit.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    ask = commands.add_parser("ask", help="ask a model; the answer streams to the terminal")
    ask.add_argument("prompt", nargs="*", help="the prompt; standard input is added when it is a pipe")
    ask.add_argument("-m", "--model", help="an alias, or provider/model")
    ask.add_argument("-s", "--system", help="instructions")
    ask.add_argument("--max-tokens", type=int)
    ask.add_argument("--timeout", type=float, metavar="SECONDS")
    ask.add_argument("-q", "--quiet", action="store_true", help="no line about tokens, time and cost")
    ask.set_defaults(run=_ask)

    usage = commands.add_parser("usage", help="what was used and what it cost")
    usage.add_argument("--simulated", action="store_true", help="with the simulator's rows")
    usage.add_argument("--last", type=int, default=20, metavar="N", help="how many rows (default 20)")
    usage.set_defaults(run=_usage)

    keys.add(commands)
    scrub.add(commands)

    sim = commands.add_parser("sim", help="run the simulator: all wires, no key, no money", add_help=False)
    sim.add_argument("rest", nargs=argparse.REMAINDER)
    sim.set_defaults(run=_sim)

    demo = commands.add_parser("demo", help="stream one answer", add_help=False)
    demo.add_argument("rest", nargs=argparse.REMAINDER)
    demo.set_defaults(run=_demo)
    return parser


def _ask(asked: argparse.Namespace) -> int:
    prompt = " ".join(asked.prompt)
    if not sys.stdin.isatty():
        prompt = "\n\n".join(part for part in (prompt, sys.stdin.read().strip()) if part)
    options = {"max_tokens": asked.max_tokens} if asked.max_tokens else {}
    stream = llmkit.stream(prompt, model=asked.model, system=asked.system, timeout=asked.timeout, **options)
    from llmkit.notebook.safe import to_text
    from llmkit.notebook.static import footer

    for event in stream:
        match event:
            case Text(text):
                print(to_text(text), end="", flush=True)
            case Done(reply):
                print()
                if not asked.quiet:
                    print(footer(reply), file=sys.stderr)
            case Failed(error, partial):
                if partial.text:
                    print()
                raise error
            case _:
                continue
    return 0


def _usage(asked: argparse.Namespace) -> int:
    frame = llmkit.usage(simulated=asked.simulated)
    if frame.empty:
        print("No calls yet." if asked.simulated else "No calls yet (simulated ones: --simulated).")
        return 0
    columns = ["started", "model", "status", "input", "output", "cost", "ttft", "duration"]
    print(frame[columns].tail(asked.last).to_string(index=False))
    return 0


def _sim(asked: argparse.Namespace) -> int:
    from llmkit.sim.__main__ import main as run

    return run(asked.rest) or 0


def _demo(asked: argparse.Namespace) -> int:
    from llmkit.demo import main as run

    return run(asked.rest) or 0


if __name__ == "__main__":
    raise SystemExit(main())
