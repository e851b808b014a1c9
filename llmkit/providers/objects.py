"""Providers that make objects rather than bytes: each object is written as a chunk of the chat wire, so that
one reader, one tape and one ledger serve them like any server."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from llmkit.core.errors import LLMKitError
from llmkit.wire.faults import from_response


class ObjectExchange:
    """An :class:`~llmkit.providers.base.Exchange` over chunks in the form of OpenAI's chat, or over one whole
    completion."""

    status = 200

    def __init__(self, source: AsyncGenerator[Mapping[str, Any]], *, stream: bool) -> None:
        kind = "text/event-stream" if stream else "application/json"
        self.headers: Mapping[str, str] = {"content-type": kind}
        self._source = source
        self._stream = stream

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Each object as the bytes a server would send; a stream ends well if a chunk said why it ended."""
        finished = False
        async with aclosing(self._source) as source:
            async for plain in source:
                finished = finished or any(
                    choice.get("finish_reason") for choice in plain.get("choices") or ()
                )
                written = json.dumps(plain, ensure_ascii=False, default=str).encode("utf-8", "replace")
                yield b"data: " + written + b"\n\n" if self._stream else written
        if self._stream and finished:
            yield b"data: [DONE]\n\n"

    async def close(self) -> None:
        """Stop the source, if it still runs."""
        await self._source.aclose()


def as_fault(status: int | None, message: str, *, code: str | None = None) -> LLMKitError:
    """A failure that a library reports in its own class, as the error that a server's answer would be."""
    said = {"message": message, **({"code": code} if code else {})}
    return from_response(status or 500, {}, json.dumps({"error": said}).encode())


def error_chunk(message: str, *, code: str | int | None = None) -> dict[str, Any]:
    """The same in the middle of a stream."""
    return {"error": {"message": message, **({"code": code} if code else {})}}
