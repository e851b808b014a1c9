"""``python -m llmkit.demo``: one answer, streamed to the terminal, with what it used and cost.

Where no key is set the built-in simulator answers, and the demo says so. How text reaches a terminal
safely lives in ``notebook/terminal.py``; asking lives in the engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import llmkit
from llmkit.core.errors import LLMKitError
from llmkit.core.events import Done, Failed, Rerouted, Retrying, Text
from llmkit.notebook.terminal import TerminalView, to_stdout

PROMPT = "In three sentences: why is the sky blue?"
SIMULATED = (
    "That was the built-in simulator: no API key is set here, nothing left this machine, and it was free."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Stream one answer; the result is the exit code (0 good, 1 the call failed, 130 stopped)."""
    parser = argparse.ArgumentParser(prog="llmkit demo", description="Stream one answer to the terminal.")
    parser.add_argument("--model", help="an alias, or provider/model; default: the first one with a key")
    parser.add_argument("prompt", nargs="*", help="what to ask (default: why the sky is blue)")
    asked = parser.parse_args(arguments)
    try:
        return stream(" ".join(asked.prompt) or PROMPT, asked.model)
    except LLMKitError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130


def stream(prompt: str, model: str | None = None) -> int:
    """Ask, and show the answer as it is written."""
    answer = llmkit.stream(prompt, model=model)
    print(f"> {prompt}\n")
    view = TerminalView(to_stdout)
    for event in answer:
        match event:
            case Text(text):
                view.text(text)
            case Retrying(attempt, delay, error):
                view.note(f"attempt {attempt} failed ({error.what}); trying again in {delay:.1f} s")
            case Rerouted(_, target, why):
                view.note(f"going on with {target}: {why}")
            case Done(reply):
                view.end(reply)
                if reply.simulated:
                    print(f"\n{SIMULATED}")
            case Failed(error, partial):
                if partial.text:
                    view.end(partial, "This is a partial answer.")
                raise error
            case _:
                continue  # thinking and tools have no place in three sentences
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
