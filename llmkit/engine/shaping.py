"""What comes of a stream on its way: words, sentences, lines, JSON objects; slower, changed, or for several readers.

Every stage is a plain object that is fed and knows no clock of its own and no I/O, so that a flow iterates and
async-iterates alike. What a stream is lives in ``stream.py``.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from llmkit.core.errors import BadRequest, IdleTimeout
from llmkit.core.events import Text

if TYPE_CHECKING:
    from llmkit.core.events import Event
    from llmkit.engine.stream import Stream

#: A sentence ends at one of these before a blank, or at a line's end.
_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]|\n)\s*", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n")


class Stage(Protocol):
    """One step of a flow. ``feed`` takes an item, ``tick`` is called when nothing came, ``end`` at the end; each gives
    the items that are ready by then."""

    def feed(self, item: Any) -> list[Any]:
        """Take an item."""
        ...

    def tick(self) -> list[Any]:
        """Nothing came."""
        ...

    def end(self) -> list[Any]:
        """It is over."""
        ...


class Plain:
    """A stage that keeps nothing."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self._change = change

    def feed(self, item: Any) -> list[Any]:
        """The changed item; none where the change is ``None``."""
        changed = self._change(item)
        return [] if changed is None else [changed]

    def tick(self) -> list[Any]:
        """Nothing is kept."""
        return []

    def end(self) -> list[Any]:
        """Nothing is kept."""
        return []


class Pieces:
    """Text in the pieces that a pattern finds; what is left at the end is the last one."""

    def __init__(self, pattern: re.Pattern[str], trim: Callable[[str], str]) -> None:
        self._pattern = pattern
        self._trim = trim
        self._kept = ""

    def feed(self, item: str) -> list[str]:
        """The pieces that are whole."""
        self._kept += item
        found, at = [], 0
        while (piece := self._pattern.match(self._kept, at)) is not None and piece.end() < len(self._kept):
            found.append(self._trim(piece[0]))
            at = piece.end()
        if piece is not None and self._kept.endswith("\n"):  # nothing that may come belongs to it
            found.append(self._trim(piece[0]))
            at = piece.end()
        self._kept = self._kept[at:]
        return found

    def tick(self) -> list[str]:
        """A piece that is not whole waits."""
        return []

    def end(self) -> list[str]:
        """The rest."""
        rest, self._kept = self._trim(self._kept), ""
        return [rest] if rest.strip() else []


class Objects:
    """JSON objects as they are complete: one on a line, in a list, or with words and fences around them. ``listed``:
    a list was asked for, and what counts are its items, also where it is a field of an object.

    >>> Objects().feed('[{"a": 1}, {"a": "}"}, {"b"')
    [{'a': 1}, {'a': '}'}]
    >>> Objects(listed=True).feed('{"items": [{"a": {"b": 1}}, {"a"')
    [{'a': {'b': 1}}]
    """

    def __init__(self, *, listed: bool = False) -> None:
        self._kept = ""
        self._at = self._begin = self._depth = 0
        self._quoted = self._escaped = False
        #: How deep the braces are between which objects stand; not known before the list begins.
        self._outside: int | None = None if listed else 0

    def feed(self, item: str) -> list[Any]:
        """The objects that are complete; one that is no JSON is passed over."""
        found: list[Any] = []
        self._kept += item
        for at in range(self._at, len(self._kept)):
            letter = self._kept[at]
            if self._quoted:
                if self._escaped:
                    self._escaped = False
                elif letter == "\\":
                    self._escaped = True
                elif letter == '"':
                    self._quoted = False
            elif letter == "[" and self._outside is None:
                self._outside = self._depth
            elif letter == "{":
                if self._depth == self._outside:
                    self._begin = at
                self._depth += 1
            elif self._depth and letter == '"':
                self._quoted = True
            elif self._depth and letter == "}":
                self._depth -= 1
                if self._depth == self._outside:
                    found += _loaded(self._kept[self._begin : at + 1])
        within = self._outside is not None and self._depth > self._outside
        begin = self._begin if within else len(self._kept)
        self._kept = self._kept[begin:]
        self._begin, self._at = 0, len(self._kept)
        return found

    def tick(self) -> list[Any]:
        """An object that is not complete waits."""
        return []

    def end(self) -> list[Any]:
        """What is not complete is none."""
        return []


class Slower:
    """Text in at most so many pieces a second: what comes in between is joined."""

    def __init__(self, hertz: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = 1 / hertz
        self._clock = clock
        self._kept: list[str] = []
        self._last = float("-inf")

    def feed(self, item: str) -> list[str]:
        """All that was kept, if it is time."""
        self._kept.append(item)
        return self.tick()

    def tick(self) -> list[str]:
        """All that was kept, if it is time."""
        if not self._kept or self._clock() - self._last < self._every:
            return []
        self._last = self._clock()
        return self.end()

    def end(self) -> list[str]:
        """All that was kept."""
        kept, self._kept = "".join(self._kept), []
        return [kept] if kept else []


class Flow:
    """A stream, item by item, through stages. It iterates and async-iterates, once; a call that failed raises its
    error after its last item, and leaving early stops the call.

    >>> for sentence in llmkit.stream("Why?").flow().sentences(): speak(sentence)  # doctest: +SKIP
    >>> async for row in llmkit.stream("Ten cities as JSON lines.").flow().objects(): ...  # doctest: +SKIP
    """

    def __init__(
        self, stream: Stream, stages: tuple[Callable[[], Stage], ...] = (), patience: float | None = None
    ) -> None:
        self._stream = stream
        self._stages = stages
        self._patience = patience

    def text(self) -> Flow:
        """The words of the answer, as they come."""
        return self._then(lambda: Plain(_words))

    def sentences(self) -> Flow:
        """The answer sentence by sentence."""
        return self.text()._then(lambda: Pieces(_SENTENCE, str.strip))

    def lines(self) -> Flow:
        """The answer line by line, without line ends."""
        return self.text()._then(lambda: Pieces(_LINE, lambda line: line.removesuffix("\n")))

    def objects(self) -> Flow:
        """JSON objects as they are complete: JSON lines, or the items of a list."""
        shape = self._stream._shape
        return self.text()._then(partial(Objects, listed=shape is not None and shape.lists))

    def throttle(self, hertz: float) -> Flow:
        """The words in at most so many pieces a second; none is lost."""
        if not hertz > 0:
            raise BadRequest(
                f"A flow can't be throttled to {hertz!r} a second.", hint="Give a number above 0."
            )
        return self.text()._then(lambda: Slower(hertz))

    def map(self, change: Callable[[Any], Any]) -> Flow:
        """Every item changed by a function; an item for which it gives ``None`` is left out."""
        return self._then(lambda: Plain(change))

    def timeout(self, seconds: float) -> Flow:
        """Stop the call, and raise :class:`IdleTimeout`, where nothing comes for so long."""
        if not seconds > 0:
            raise BadRequest(f"A flow can't wait {seconds!r} seconds.", hint="Give a number above 0.")
        return Flow(self._stream, self._stages, seconds)

    def tee(self, n: int = 2) -> tuple[Branch, ...]:
        """The same items for several readers, each at its own pace; what a slow one has not read yet is kept."""
        if n < 1:
            raise BadRequest(f"A flow can't be read by {n!r} readers.", hint="Give a whole number from 1.")
        trunk = _Trunk(self, n)
        return tuple(Branch(trunk, number) for number in range(n))

    def __iter__(self) -> Iterator[Any]:
        run = _Run(self._stages, self._patience)
        for batch in self._stream.batches():
            yield from run.take(batch, self._stream)
        yield from run.last(self._stream)

    async def __aiter__(self) -> AsyncIterator[Any]:
        run = _Run(self._stages, self._patience)
        async for batch in self._stream.abatches():
            for item in run.take(batch, self._stream):
                yield item
        for item in run.last(self._stream):
            yield item

    def _then(self, stage: Callable[[], Stage]) -> Flow:
        return Flow(self._stream, (*self._stages, stage), self._patience)


class _Run:
    """One passage through the stages."""

    def __init__(self, stages: tuple[Callable[[], Stage], ...], patience: float | None) -> None:
        self._stages = [make() for make in stages]
        self._patience = patience
        self._heard = time.monotonic()

    def take(self, batch: list[Event], stream: Stream) -> list[Any]:
        now = time.monotonic()
        if batch:
            out = [item for event in batch for item in self._through([event], 0)]
            self._heard = time.monotonic()
            return out
        if self._patience is not None and now - self._heard > self._patience:
            stream.stop("nothing came for too long")
            raise IdleTimeout(
                f"Nothing came for {self._patience:g} s.",
                why="The flow was told to wait no longer.",
                hint="What arrived is kept in `error.partial`.",
                partial=stream.partial,
            )
        return [
            item
            for number, stage in enumerate(self._stages)
            for item in self._through(stage.tick(), number + 1)
        ]

    def last(self, stream: Stream) -> Iterator[Any]:
        """What the stages still hold; then the call's error, if it failed."""
        for number, stage in enumerate(self._stages):
            yield from self._through(stage.end(), number + 1)
        if (error := stream.error) is not None:
            raise error

    def _through(self, items: list[Any], at: int) -> list[Any]:
        for stage in self._stages[at:]:
            items = [made for item in items for made in stage.feed(item)]
        return items


class _Trunk:
    """Items of one flow, kept for several readers."""

    def __init__(self, flow: Flow, n: int) -> None:
        self.waiting: list[deque[Any]] = [deque() for _ in range(n)]
        self.lock = threading.Lock()
        self.turn = asyncio.Lock()
        self.items = iter(flow)
        self.aitems = aiter(flow)
        self.error: BaseException | None = None
        self.over = False

    def share(self, item: Any) -> None:
        for kept in self.waiting:
            kept.append(item)

    def finish(self, error: BaseException | None) -> None:
        self.over, self.error = True, error


class Branch:
    """One reader's share of a flow. All branches of a flow are read in the same way: iterated, from any threads, or
    async-iterated, in one loop."""

    def __init__(self, trunk: _Trunk, number: int) -> None:
        self._trunk = trunk
        self._kept = trunk.waiting[number]

    def __iter__(self) -> Iterator[Any]:
        trunk = self._trunk
        while True:
            with trunk.lock:
                if not self._kept and not trunk.over:
                    try:
                        trunk.share(next(trunk.items))
                    except StopIteration:
                        trunk.finish(None)
                    except Exception as error:  # noqa: BLE001 - every reader is to have it
                        trunk.finish(error)
            if self._kept:
                yield self._kept.popleft()
            elif trunk.over:
                break
        if trunk.error is not None:
            raise trunk.error

    async def __aiter__(self) -> AsyncIterator[Any]:
        trunk = self._trunk
        while True:
            async with trunk.turn:
                if not self._kept and not trunk.over:
                    try:
                        trunk.share(await anext(trunk.aitems))
                    except StopAsyncIteration:
                        trunk.finish(None)
                    except Exception as error:  # noqa: BLE001 - every reader is to have it
                        trunk.finish(error)
            if self._kept:
                yield self._kept.popleft()
            elif trunk.over:
                break
        if trunk.error is not None:
            raise trunk.error


def _words(event: Any) -> Any:
    """The words of an event; what comes from another stage stays."""
    if isinstance(event, Text):
        return event.text
    return event if isinstance(event, str) else None


def _loaded(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        return []
