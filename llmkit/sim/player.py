"""Sends a response at its pace, with the faults that happen to sockets. What to send: service.py."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from llmkit.sim.faults import NONE, Faults
from llmkit.sim.frames import Frame
from llmkit.sim.http import LAST_CHUNK, chunk, head
from llmkit.sim.journal import Outcome, Seen
from llmkit.sim.mischief import Hangup, Pause, Step

_WRITE = 64 * 1024
More = Callable[[str, int], Frame]


class Write(NamedTuple):
    """Bytes for the socket, and how much of the answer is in them."""

    data: bytes
    size: int  # of the body, without the chunks' heads
    tokens: int


class Wire(Protocol):
    """The socket, as the player needs it."""

    gone: asyncio.Event

    def write(self, data: bytes) -> None:
        """Put bytes on their way."""

    async def drain(self) -> None:
        """Wait while the client reads more slowly than we write."""

    async def hang_up(self, *, reset: bool) -> None:
        """End the connection."""


@dataclass(slots=True)
class Plan:
    """A response, ready to be sent: a body, or the steps of a stream."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""
    steps: list[Step] | None = None
    ends: bool = True
    rate: float = 0.0
    wait: float = 0.0  # before the headers
    per_chunk: int = 0
    faults: Faults = NONE
    more: More | None = None  # endless talk
    seed: int = 0
    tokens: int = 0  # of a body
    writes: list[Write] = field(default_factory=list)  # a stream without faults or pace, ready to go


class _Gone(Exception):
    """The client has left."""


class _Cut(Exception):
    """We have hung up."""


async def play(wire: Wire, plan: Plan, seen: Seen) -> Outcome:
    """Send it all; how it ended."""
    sender = _Sender(wire, plan, seen)
    try:
        await sender.run()
    except _Gone:
        return "client_closed"
    except _Cut:
        return "cut"
    return "done"


class _Sender:
    def __init__(self, wire: Wire, plan: Plan, seen: Seen) -> None:
        self.wire = wire
        self.plan = plan
        self.seen = seen
        self.faults = plan.faults
        self.dice = random.Random(plan.seed)
        self.limit: float | None = None
        if "cut" in self.faults and self.faults.get("cut")[0].isdigit():
            self.limit = self.faults.number("cut")
        self.endless = "endless" in self.faults
        self.split = self.faults.get("split")[0] if "split" in self.faults else ""

    async def run(self) -> None:
        plan, faults = self.plan, self.faults
        if plan.wait:
            await self.sleep(plan.wait)
        if faults.get("hang") == ("start",):
            await self.sleep(None)
        if faults.get("cut")[:1] == ("before",):
            await self.cut()
        if plan.steps is None:
            await self.whole()
        else:
            await self.stream(plan.steps)

    async def whole(self) -> None:
        plan = self.plan
        headers = [*plan.headers, ("content-length", str(len(plan.body)))]
        if not self.faults:
            self.wire.write(head(plan.status, headers) + plan.body)
            self.seen.bytes_sent += len(plan.body)
        else:
            self.wire.write(head(plan.status, headers))
            await self.after_head()
            size = {"random": 64, "frames": len(plan.body)}.get(self.split) or int(self.split or 0)
            size = size or max(1, len(plan.body))
            for at in range(0, len(plan.body), size):
                await self.put(plan.body[at : at + size], framed=False)
                if self.split:
                    await asyncio.sleep(0)
        self.seen.tokens_sent += plan.tokens
        await self.flush()

    async def stream(self, steps: list[Step]) -> None:
        plan = self.plan
        self.wire.write(head(plan.status, [*plan.headers, ("transfer-encoding", "chunked")]))
        await self.after_head()
        if plan.writes:
            for write in plan.writes:
                await self.big(write)
        elif plan.rate or self.faults:
            await self.paced(steps)
        else:
            await self.at_once([s for s in steps if isinstance(s, Frame)])
        if plan.ends:
            self.wire.write(LAST_CHUNK)
            await self.flush()
        else:
            await self.cut()

    async def after_head(self) -> None:
        if self.faults.get("cut")[:1] == ("headers",):
            await self.flush()
            await self.cut()

    async def at_once(self, frames: list[Frame]) -> None:
        for write in joined(frames, self.plan.per_chunk):
            await self.big(write)

    async def big(self, write: Write) -> None:
        self.wire.write(write.data)
        self.seen.bytes_sent += write.size
        self.seen.tokens_sent += write.tokens
        await self.flush()

    async def paced(self, steps: list[Step]) -> None:
        """Frame by frame on a schedule fixed at the start, so that pace does not drift. What is due
        together goes out together, though still as one HTTP chunk for each frame."""
        loop = asyncio.get_running_loop()
        rate = self.plan.rate
        if "drip" in self.faults:
            rate = 1 / max(self.faults.number("drip"), 1e-6)
        start, sent = loop.time(), 0
        for step in steps:
            match step:
                case Frame():
                    if rate and step.tokens:
                        late = start + sent / rate - loop.time()
                        if late > 0.001:
                            await self.flush()
                            await self.sleep(late)
                    await self.frame(step)
                    sent += step.tokens
                case Pause():
                    await self.flush()
                    await self.pause(step)
                    start, sent = loop.time(), 0
                case Hangup():
                    await self.flush()
                    await self.cut(reset=step.reset)
            if self.endless and isinstance(step, Frame) and step.kind == "token" and self.plan.more:
                await self.talk(self.plan.more, rate)

    async def frame(self, frame: Frame) -> None:
        data = frame.data
        if not self.split or self.split == "frames":
            await self.put(data)
            if self.split:
                await self.flush()
                await asyncio.sleep(0)
        else:
            at = 0
            while at < len(data):
                size = self.dice.randint(1, 64) if self.split == "random" else int(self.split)
                await self.put(data[at : at + size])
                await asyncio.sleep(0)
                at += size
        self.seen.tokens_sent += frame.tokens

    async def talk(self, more: More, rate: float) -> None:
        """Never stop. Without a pace of its own it talks as fast as the client reads, within reason."""
        while True:
            await self.frame(more(" and so on", 3))
            await self.flush()
            await self.sleep(3 / rate if rate else 0.001)

    async def pause(self, step: Pause) -> None:
        if not step.ping:
            await self.sleep(step.seconds)
            return
        while True:
            await self.put(step.ping)
            await self.flush()
            await self.sleep(step.seconds)

    async def put(self, data: bytes, *, framed: bool = True) -> None:
        """Some bytes of the body: as one HTTP chunk, up to where the connection is to be cut."""
        if self.wire.gone.is_set():
            raise _Gone
        if self.limit is not None and self.seen.bytes_sent + len(data) >= self.limit:
            data = data[: max(0, int(self.limit) - self.seen.bytes_sent)]
            if data:
                self.wire.write(chunk(data) if framed else data)
                self.seen.bytes_sent += len(data)
            await self.flush()
            await self.cut()
        self.wire.write(chunk(data) if framed else data)
        self.seen.bytes_sent += len(data)

    async def flush(self) -> None:
        await self.wire.drain()
        if self.wire.gone.is_set():
            raise _Gone

    async def cut(self, *, reset: bool = False) -> None:
        reset = reset or "rst" in self.faults.get("cut")
        await self.wire.hang_up(reset=reset)
        raise _Cut

    async def sleep(self, seconds: float | None) -> None:
        """Wait, unless the client leaves; ``None`` waits until it does."""
        if seconds is not None:
            try:
                async with asyncio.timeout(seconds):
                    await self.wire.gone.wait()
            except TimeoutError:
                return
        else:
            await self.wire.gone.wait()
        raise _Gone


def joined(frames: list[Frame], per_chunk: int = 0) -> list[Write]:
    """Frames in a few big writes: one HTTP chunk a write, or ``per_chunk`` frames an HTTP chunk."""
    writes: list[Write] = []
    pending: list[bytes] = []
    size = tokens = 0

    def close() -> None:
        nonlocal size, tokens
        if per_chunk:
            groups = (pending[i : i + per_chunk] for i in range(0, len(pending), per_chunk))
            writes.append(Write(b"".join(chunk(b"".join(group)) for group in groups), size, tokens))
        else:
            writes.append(Write(chunk(b"".join(pending)), size, tokens))
        pending.clear()
        size = tokens = 0

    for frame in frames:
        pending.append(frame.data)
        size += len(frame.data)
        tokens += frame.tokens
        if size >= _WRITE:
            close()
    if pending:
        close()
    return writes
