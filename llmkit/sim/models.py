"""The simulated models, as data: pace, length, character, price. What they say lives in answers.py."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

Style = Literal["plain", "terse", "long", "verse", "code", "json", "vision", "bench"]


class SimPrice(NamedTuple):
    """US dollars for a million tokens, as text that ``Decimal`` takes."""

    input: str
    cache_read: str
    cache_write: str
    output: str


@dataclass(frozen=True, slots=True)
class SimModel:
    """One simulated model. ``rate`` is tokens a second (0: all at once), ``ttft`` seconds."""

    name: str
    summary: str
    style: Style = "plain"
    rate: float = 80.0
    ttft: float = 0.25
    price: SimPrice | None = None
    thinks: bool = False
    tools_first: bool = False  # calls the tools on offer without being asked to
    strict: bool = False  # thinking must come back unchanged in tool turns
    group: int = 0  # tokens a frame; 0: as the wire usually has it
    per_chunk: int = 0  # frames an HTTP chunk when all is sent at once; 0: as many as fit a write
    length: int | None = None  # an answer of exactly so many tokens
    context: int = 200_000
    max_output: int = 64_000
    #: What it plays at being good at; those without are for trying things and are never chosen by themselves.
    strengths: tuple[str, ...] = ()


def _price(given: str, read: str, write: str, out: str) -> SimPrice:
    return SimPrice(given, read, write, out)


_ALL = (
    SimModel(
        "sim/swift",
        "Terse, fast, cheap: one or two sentences.",
        style="terse",
        rate=220,
        ttft=0.12,
        price=_price("0.10", "0.01", "0.125", "0.50"),
        strengths=("speed", "price"),
    ),
    SimModel(
        "sim/sage",
        "Balanced: a paragraph and what goes with it. The one to begin with.",
        rate=90,
        ttft=0.35,
        price=_price("1.00", "0.10", "1.25", "5.00"),
        strengths=("writing", "agents"),
    ),
    SimModel(
        "sim/scholar",
        "Long and careful; thinks first; dear.",
        style="long",
        rate=60,
        ttft=0.6,
        thinks=True,
        price=_price("4.00", "0.40", "5.00", "20.00"),
        strengths=("reasoning", "long-context"),
    ),
    SimModel(
        "sim/poet",
        "Answers in verse.",
        style="verse",
        rate=45,
        ttft=0.4,
        price=_price("0.80", "0.08", "1.00", "4.00"),
        strengths=("writing",),
    ),
    SimModel(
        "sim/coder",
        "Answers with code.",
        style="code",
        rate=120,
        ttft=0.3,
        price=_price("1.50", "0.15", "1.875", "7.50"),
        strengths=("coding", "agents"),
    ),
    SimModel(
        "sim/tooler",
        "Calls the tools on offer, then answers with what they said.",
        rate=110,
        ttft=0.25,
        tools_first=True,
        price=_price("1.20", "0.12", "1.50", "6.00"),
    ),
    SimModel(
        "sim/json",
        "Always answers in JSON: valid for the schema that is asked for.",
        style="json",
        rate=140,
        ttft=0.2,
        price=_price("0.50", "0.05", "0.625", "2.00"),
    ),
    SimModel(
        "sim/vision",
        "Describes the type and size of the images it gets.",
        style="vision",
        rate=80,
        ttft=0.5,
        price=_price("2.00", "0.20", "2.50", "8.00"),
        strengths=("vision",),
    ),
    SimModel(
        "sim/slow",
        "Waits three seconds, then writes eight tokens a second: for trying the Stop button.",
        rate=8,
        ttft=3.0,
        price=_price("0.60", "0.06", "0.75", "2.40"),
    ),
    SimModel(
        "sim/mono",
        "Sends the whole answer in one chunk.",
        rate=0,
        ttft=0.4,
        group=1_000_000,
        price=_price("0.90", "0.09", "1.125", "3.60"),
    ),
    SimModel(
        "sim/strict",
        "Thinks, calls tools, and refuses (400) when its thinking doesn't come back unchanged.",
        rate=110,
        ttft=0.25,
        thinks=True,
        tools_first=True,
        strict=True,
        price=_price("1.20", "0.12", "1.50", "6.00"),
    ),
    SimModel(
        "sim/tiny",
        "Has a context window of 2,000 tokens: for trying what happens when a prompt is too long.",
        style="terse",
        rate=150,
        ttft=0.1,
        context=2_000,
        max_output=500,
        price=_price("0.02", "0.002", "0.025", "0.08"),
    ),
    SimModel(
        "sim/bench",
        "Sends as many tokens as its name says, e.g. sim/bench:tokens=20000,rate=0,ttft=0.",
        style="bench",
        rate=0,
        ttft=0.0,
        group=1,
        length=500,
        max_output=10_000_000,
        price=_price("1.00", "0.10", "1.25", "4.00"),
    ),
)

#: Every simulated model by name.
MODELS: Mapping[str, SimModel] = {model.name: model for model in _ALL}

#: What any other name gets.
UNKNOWN = SimModel("", "A model the simulator doesn't know by name.", rate=100, ttft=0.25)

_PARAMETERS = re.compile(r"^(?P<name>.+?):(?P<parameters>[a-z_]+=[\w.]+(?:,[a-z_]+=[\w.]+)*)$")
_SETTABLE: Mapping[str, tuple[str, Callable[[str], float]]] = {
    "tokens": ("length", int),
    "rate": ("rate", float),
    "ttft": ("ttft", lambda ms: float(ms) / 1000),
    "group": ("group", int),
    "per_chunk": ("per_chunk", int),
    "context": ("context", int),
}


def known(name: str) -> SimModel | None:
    """The simulated model of this name, with or without ``sim/``; suffixes don't matter."""
    name = name.removeprefix("models/").partition("@")[0]
    if (match := _PARAMETERS.match(name)) is not None:
        name = match["name"]
    return MODELS.get(name) or MODELS.get(f"sim/{name}")


def find(name: str) -> SimModel:
    """The model that answers to a name (without its ``@fault``): a known one, with what the name sets
    after a colon (``sim/swift:rate=500,ttft=20``; ttft in milliseconds), or the default.

    >>> find("swift").name, find("sim/bench:tokens=100").length, find("gpt-9").name
    ('sim/swift', 100, 'gpt-9')
    """
    name = name.removeprefix("models/")
    settings = ""
    if (match := _PARAMETERS.match(name)) is not None:
        name, settings = match["name"], match["parameters"]
    base = MODELS.get(name) or MODELS.get(f"sim/{name}")
    if base is None:
        base = replace(UNKNOWN, name=name)
    changes: dict[str, object] = {}
    for item in filter(None, settings.split(",")):
        key, _, value = item.partition("=")
        if key not in _SETTABLE:
            raise ValueError(f"A simulated model has no setting {key!r}; it has {', '.join(_SETTABLE)}.")
        field, read = _SETTABLE[key]
        changes[field] = read(value)
    return replace(base, **changes) if changes else base  # type: ignore[arg-type]


def price(name: str) -> SimPrice | None:
    """The price of a simulated model; ``None`` for any other.

    >>> price("sim/swift").output, price("gpt-9")
    ('0.50', None)
    """
    model = known(name)
    return None if model is None else model.price
