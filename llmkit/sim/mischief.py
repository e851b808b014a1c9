"""Faults at work on the frames of a stream, before any of them is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmkit.sim.faults import Faults
from llmkit.sim.frames import Frame, Rendering

_MESSAGES = {
    429: "Rate limit reached; slow down.",
    500: "An internal error occurred.",
    503: "The service is temporarily unavailable.",
    529: "Overloaded",
}


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence between frames: for ever where ``seconds`` is None. ``ping`` is sent every so often."""

    seconds: float | None
    ping: bytes = b""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The connection ends here, without its proper end."""

    reset: bool = False


Step = Frame | Pause | Hangup


def spoil(rendering: Rendering, faults: Faults) -> tuple[list[Step], bool]:
    """The steps of a stream with its faults, and whether its body ends properly."""
    frames = _framed(rendering, faults)
    frames = _coursed(rendering, frames, faults)
    if "crlf" in faults:
        frames = [f._replace(data=re.sub(rb"\r?\n", b"\r\n", f.data)) for f in frames]
    if "bom" in faults and frames:
        frames[0] = frames[0]._replace(data=b"\xef\xbb\xbf" + frames[0].data)
    return _interrupted(rendering, frames, faults)


def after_tokens(frames: list[Frame], count: float) -> int:
    """The index of the first frame that comes after so many tokens; 0 tokens: before the first token."""
    seen = 0
    for index, frame in enumerate(frames):
        if frame.kind in ("token", "close", "end") and seen >= count:
            return index
        seen += frame.tokens
    return len(frames)


def _framed(rendering: Rendering, faults: Faults) -> list[Frame]:
    """Faults that add or spoil single frames."""
    frames = list(rendering.frames)
    if "malformed" in faults:
        at = after_tokens(frames, faults.number("malformed"))
        frames.insert(at, Frame(b'data: {"type": "broken", "delta": {"text: oops\n\n', 0, "other"))
    if "utf8" in faults:
        at = after_tokens(frames, faults.number("utf8"))
        bad = rendering.text("SIMBYTES", 1)
        frames.insert(at, bad._replace(data=bad.data.replace(b"SIMBYTES", b" caf\xe9 \xff\xfe")))
    if "duplicate" in faults:
        at = after_tokens(frames, faults.number("duplicate"))
        frames.insert(at, frames[min(at, len(frames) - 1)])
    if "unknown" in faults:
        unknown = Frame(rendering.unknown, 0, "other")
        frames = [f for i, frame in enumerate(frames) for f in ((unknown, frame) if i % 3 == 1 else (frame,))]
    if "comments" in faults:
        frames = [f._replace(data=b": simulated keep-alive\n\n" + f.data) for f in frames]
    return frames


def _coursed(rendering: Rendering, frames: list[Frame], faults: Faults) -> list[Frame]:
    """Faults that end a stream too early or too late, but cleanly."""
    if "error" in faults:
        at = after_tokens(frames, faults.number("error"))
        status = int(faults.number("error", 1, 529))
        data = rendering.error(status, _MESSAGES.get(status, "The simulator was told to fail."))
        frames = [*frames[:at], Frame(data, 0, "end")]
    if "eof" in faults:
        if faults.get("eof") == ("all",):
            frames = [f for f in frames if f.kind not in ("close", "end")]
        else:
            frames = frames[: after_tokens(frames, faults.number("eof"))]
    if "half" in faults:
        at = min(after_tokens(frames, faults.number("half")), len(frames) - 1)
        whole = frames[at].data
        frames = [*frames[:at], Frame(whole[: max(1, len(whole) * 2 // 3)], 0, "other")]
    if "no-terminal" in faults:
        frames = [f for f in frames if f.kind != "end"]
    if "after" in faults:
        frames += [rendering.text(" and more", 2), rendering.text(" of it", 2)]
    return frames


def _interrupted(rendering: Rendering, frames: list[Frame], faults: Faults) -> tuple[list[Step], bool]:
    """Faults that stop a stream without ending it."""
    steps: list[Step] = list(frames)
    if "drop" in faults:
        at = after_tokens(frames, faults.number("drop"))
        return [*frames[:at], Hangup("rst" in faults.get("drop"))], False
    if "stall" in faults:
        at = after_tokens(frames, faults.number("stall"))
        seconds = faults.number("stall", 1, -1)
        steps = [*frames[:at], Pause(None if seconds < 0 else seconds), *frames[at:]]
    if "keepalive" in faults:
        at = after_tokens(frames, faults.number("keepalive"))
        every = faults.number("keepalive", 1, 0.05)
        return [*frames[:at], Pause(every, rendering.ping)], False
    if "hang" in faults and faults.get("hang") == ("headers",):
        return [Pause(None)], False
    if "open" in faults:
        steps.append(Pause(None))
    return steps, True
