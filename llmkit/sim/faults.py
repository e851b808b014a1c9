"""The fault language: every fault by name, and the reading of ``cut=200; retry-after=3600``.

What faults do to frames lives in mischief.py, to statuses in service.py, to sockets in player.py.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llmkit.sim.bills import USAGE_FAULTS

Group = Literal["refuse", "connection", "stream", "frames", "answer"]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One word of the language. ``form`` is how it is written, ``default`` its value where none is given."""

    name: str
    form: str
    group: Group
    summary: str
    default: str = ""


_ALL = (
    # -- instead of an answer
    FaultKind("status", "status=N", "refuse", "Answers with that status, and an error body of the wire.", "500"),
    FaultKind("fails", "fails=N:K[:KEY]", "refuse", "The first K requests get status N, the next ones an answer.", "503:1"),
    FaultKind("retry-after", "retry-after=V", "refuse", "Adds Retry-After to the error: seconds, `1500ms`, `date:30`, `past`, `inf`, `nan`, `-5`, `junk`.", "1"),
    FaultKind("should-retry", "should-retry=true", "refuse", "Adds x-should-retry to the error.", "true"),
    FaultKind("quota", "quota", "refuse", "429 insufficient_quota: there is no use in trying again."),
    FaultKind("credit", "credit", "refuse", "402: no credit left."),
    FaultKind("context", "context", "refuse", "400: the prompt is longer than the context window, in the wire's words."),
    FaultKind("page", "page=N", "refuse", "That status with a page of HTML, as gateways send (`page=200`: a login page).", "502"),
    FaultKind("redirect", "redirect=N[:URL]", "refuse", "A redirect to another host.", "307"),
    FaultKind("refuse", "refuse=NAME[+NAME]", "refuse", "400 for a request that holds a parameter of that name, in the wire's words.", "temperature"),
    # -- the connection
    FaultKind("delay", "delay=S", "connection", "Waits S seconds before the headers.", "1"),
    FaultKind("hang", "hang[=headers]", "connection", "Never answers; with `headers`, sends the headers and then nothing.", "start"),
    FaultKind("cut", "cut=N[:rst]", "connection", "Ends the connection after N bytes of body (`before`: before the headers, `headers`: right after them) by FIN, or by RST.", "headers"),
    FaultKind("drop", "drop=N[:rst]", "connection", "Ends the connection after N tokens.", "3"),
    FaultKind("drip", "drip=S", "connection", "S seconds between tokens.", "0.05"),
    FaultKind("split", "split=K", "connection", "Sends K bytes at a time, each in an HTTP chunk of its own; `random`: of any size; `frames`: a frame at a time.", "1"),
    FaultKind("open", "open", "connection", "After the terminal event the socket stays open and silent."),
    # -- the course of the stream
    FaultKind("eof", "eof=N", "stream", "A clean end after N tokens without a terminal event (`all`: after the whole text, `0`: at once).", "3"),
    FaultKind("half", "half=N", "stream", "A clean end in the middle of the frame after token N.", "3"),
    FaultKind("stall", "stall=N[:S]", "stream", "Silence after N tokens: for ever, or for S seconds.", "3"),
    FaultKind("keepalive", "keepalive=N[:S]", "stream", "After N tokens only keep-alives, one every S seconds, for ever.", "0:0.05"),
    FaultKind("endless", "endless", "stream", "Goes on talking until the client leaves."),
    FaultKind("error", "error=N[:STATUS]", "stream", "An error frame after N tokens (0: before any), then the end.", "0:529"),
    FaultKind("no-terminal", "no-terminal", "stream", "Stop reason and usage come, the terminal event doesn't. (On Responses they are one; Gemini has none.)"),
    FaultKind("after", "after", "stream", "More text after the terminal event."),
    # -- the frames
    FaultKind("malformed", "malformed=N", "frames", "A frame of broken JSON after N tokens.", "3"),
    FaultKind("utf8", "utf8=N", "frames", "Bytes that are not UTF-8 in the text after N tokens.", "3"),
    FaultKind("crlf", "crlf", "frames", "Lines end in CR LF."),
    FaultKind("bom", "bom", "frames", "A byte order mark first."),
    FaultKind("comments", "comments", "frames", "A comment before every frame."),
    FaultKind("unknown", "unknown", "frames", "Events that no client knows, between the others."),
    FaultKind("duplicate", "duplicate=N", "frames", "The frame after N tokens comes twice.", "3"),
    FaultKind("content-type", "content-type=TYPE", "frames", "The stream under another content type.", "text/plain"),
    FaultKind("document", "document", "frames", "One JSON document where a stream was asked for."),
    # -- the answer
    FaultKind("big", "big=N", "answer", "N characters of text in one frame, whatever limit was asked for.", "5000000"),
    FaultKind("chunks", "chunks=N", "answer", "An answer of N tokens, one a frame, whatever limit was asked for.", "20000"),
    FaultKind("usage", "usage=V", "answer", "An odd bill: `none`, `nan`, `negative`, `string`, `bool`, `huge`, `null`.", "none"),
    FaultKind("bad-args", "bad-args", "answer", "Tool calls whose arguments are no JSON."),
    FaultKind("empty", "empty", "answer", "No text at all, and a stop reason as if all were well."),
    FaultKind("refusal", "refusal", "answer", "The model declines."),
    FaultKind("filter", "filter", "answer", "The content filter stops the answer."),
    FaultKind("length", "length=N", "answer", "Cut off at N tokens for length, whatever was asked for.", "5"),
)  # fmt: skip

#: Every fault by name. docs/simulator.md lists the same.
FAULTS: Mapping[str, FaultKind] = {kind.name: kind for kind in _ALL}

#: What chaos picks from where it isn't told: faults that end by themselves.
CHAOS: tuple[str, ...] = (
    "status=500",
    "status=503",
    "status=529",
    "status=429; retry-after=0",
    "page=502",
    "cut=before",
    "cut=headers",
    "drop=3",
    "drop=3:rst",
    "eof=3",
    "half=3",
    "error=0",
    "error=3",
    "malformed=3",
    "usage=none",
    "usage=nan",
    "split=7",
    "crlf",
    "comments",
    "empty",
)


class BadFault(ValueError):
    """A fault that isn't in the language: the message says what is."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What shall go wrong with one request: names and their values."""

    items: Mapping[str, str]
    spec: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.items

    def __bool__(self) -> bool:
        return bool(self.items)

    def get(self, name: str) -> tuple[str, ...]:
        """The parts of a fault's value, split at colons; empty where the fault isn't set."""
        return tuple(self.items[name].split(":")) if name in self.items else ()

    def number(self, name: str, at: int = 0, default: float = 0.0) -> float:
        """A part of a fault's value as a number."""
        parts = self.get(name)
        return float(parts[at]) if at < len(parts) and parts[at] else default

    def without(self, *names: str) -> Faults:
        """The same without some."""
        return Faults({k: v for k, v in self.items.items() if k not in names}, self.spec)


NONE = Faults({})

_FREE = {"redirect", "content-type", "retry-after", "refuse"}
_WORDS: Mapping[str, tuple[str, ...]] = {
    "hang": ("start", "headers"),
    "cut": ("before", "headers", "rst", "fin"),
    "drop": ("rst", "fin"),
    "split": ("random", "frames"),
    "eof": ("all",),
    "usage": USAGE_FAULTS,
    "should-retry": ("true", "false"),
}
_FLAGS = {kind.name for kind in _ALL if not kind.default}


def parse(text: str) -> Faults:
    """Read a fault specification.

    >>> parse("fails=529:2; retry-after=3600").get("fails")
    ('529', '2')
    """
    items: dict[str, str] = {}
    for part in re.split(r"[;,]", text):
        if not (part := part.strip()):
            continue
        name, equals, value = part.partition("=")
        name, value = name.strip().lower().replace("_", "-"), value.strip()
        if name not in FAULTS:
            raise BadFault(f"There is no fault {name!r}; there are {', '.join(FAULTS)}.")
        if equals and name in _FLAGS:
            raise BadFault(f"The fault {name!r} takes no value.")
        items[name] = value or FAULTS[name].default
        _check(name, items[name])
    return Faults(items, text.strip())


def _check(name: str, value: str) -> None:
    if name in _FREE or not value:
        return
    parts = value.split(":")
    if name == "fails":
        parts = parts[:2]  # the key is free
    for part in parts:
        if part not in _WORDS.get(name, ()) and (name in ("usage", "should-retry") or not _is_number(part)):
            raise BadFault(
                f"The fault {name!r} is written {FAULTS[name].form}; {part!r} doesn't belong there."
            )


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", text) is not None


_IN_PROMPT = re.compile(r"\[\[\s*fault\s*:(?P<spec>[^\]]*)\]\]")


def in_prompt(text: str) -> str:
    """The fault a prompt asks for by ``[[fault: …]]``, or nothing."""
    match = _IN_PROMPT.search(text)
    return match["spec"].strip() if match else ""


def split_name(name: str) -> tuple[str, str]:
    """A model's name and the fault after its ``@``: ``sim/swift@cut=200`` is swift, cut off.

    Names of other models may have an ``@`` of their own: what doesn't begin with a fault's name is left.
    """
    base, at, spec = name.partition("@")
    first = re.split(r"[=;,]", spec)[0].strip().lower().replace("_", "-")
    if at and (first in FAULTS or base.startswith("sim/")):
        return base, spec
    return name, ""


@dataclass(frozen=True, slots=True)
class Chaos:
    """A random mix of faults: the same seed, prompt and repetition meet the same fault."""

    rate: float
    seed: int = 0
    choices: tuple[str, ...] = CHAOS

    def draw(self, key: str, nth: int) -> str:
        """The fault of the ``nth`` request with this key, or nothing."""
        dice = random.Random(f"{self.seed}|{key}|{nth}")
        return dice.choice(self.choices) if dice.random() < self.rate else ""


def chaos(text: str) -> Chaos:
    """Read ``rate=0.2,seed=1`` or ``rate=1,seed=3,faults=eof=3|status=500``.

    >>> chaos("rate=0.5,seed=7").rate
    0.5
    """
    rate, seed, choices = 0.1, 0, CHAOS
    for part in text.split(",", 2) if "faults=" not in text else _before_faults(text):
        key, _, value = part.strip().partition("=")
        try:
            match key:
                case "rate":
                    rate = float(value)
                case "seed":
                    seed = int(value)
                case "faults":
                    choices = tuple(filter(None, (c.strip() for c in value.split("|"))))
                    for choice in choices:
                        parse(choice)
                case "":
                    pass
                case _:
                    raise BadFault(f"Chaos knows rate, seed and faults, not {key!r}.")
        except ValueError as error:
            raise error if isinstance(error, BadFault) else BadFault(f"Chaos can't read {part!r}.") from None
    return Chaos(rate, seed, choices)


def _before_faults(text: str) -> list[str]:
    head, _, tail = text.partition("faults=")
    return [*head.split(","), f"faults={tail}"]
