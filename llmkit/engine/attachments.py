"""Pictures, documents and sounds of a question, held against what its provider and model take, before anything is
sent: a type or a size that would be refused is refused here, with what to do about it.

The limits are data (``models/intake.py``); how a part looks on a wire is ``wire/``'s business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, Message, ToolResultPart
from llmkit.core.pictures import measure
from llmkit.core.request import Request
from llmkit.models.catalogue import ModelFacts
from llmkit.models.intake import SAME, Intake, intake
from llmkit.providers.base import Provider

Media = ImagePart | FilePart


def check(request: Request, provider: Provider, known: ModelFacts) -> tuple[Request, list[str]]:
    """The request, with pictures called what they are; :class:`BadRequest` for a part that would be refused."""
    if not any(isinstance(part, Media | ToolResultPart) for m in request.messages for part in m.parts):
        return request, []
    request, notes = _named_rightly(request)
    parts = [part for message in request.messages for part in media(message)]
    if parts:
        takes = intake(provider.dialect)
        model = f"{provider.name}/{request.model}"
        for number, part in enumerate(parts, 1):
            _Part(part, number if len(parts) > 1 else 0, model, _crowded(takes, parts), known).check()
        _together(parts, model, takes, known.context_window)
    return request, notes


def media(message: Message) -> Iterator[Media]:
    """The pictures and files that somebody gives a model: the user, or a tool."""
    for part in message.parts:
        if isinstance(part, ToolResultPart):
            yield from part.images
        elif isinstance(part, Media) and message.role == "user":
            yield part


class _Part:
    """One part on its way to a model."""

    def __init__(self, part: Media, number: int, model: str, takes: Intake, known: ModelFacts) -> None:
        self.part = part
        self.model = model
        self.takes = takes
        self.known = known
        self.type = SAME.get(part.media_type, part.media_type)
        self.kind = self.type.partition("/")[0]
        name = part.name if isinstance(part, FilePart) else None
        self.name = name or f"{'Picture' if self.kind == 'image' else 'File'}{f' {number}' if number else ''}"

    def check(self) -> None:
        """Raise for the first thing that is wrong with it."""
        part, takes = self.part, self.takes
        if part.data == b"":
            self.refuse(f"{self.name} is empty.", "It has no bytes.", "Give the picture or file itself.")
        if part.data is None and part.url is not None and not takes.fetches:
            self.refuse(
                f"{self.name} is an address, which {takes.name} does not fetch.",
                f"{self.model} takes the bytes themselves.",
                "Download it, and attach the file.",
            )
        match self.kind:
            case "image":
                self.able(self.known.vision, "sees no pictures")
                self.typed(takes.pictures, "pictures", "Save it as PNG or JPEG.")
                self.sized(
                    takes.picture_bytes, "pictures", "Make it smaller: models look at 2,000 pixels or so."
                )
                self.measured()
            case "audio":
                self.able(self.known.audio, "hears no sounds")
                self.typed(takes.sounds, "sounds", "Convert it to WAV or MP3, or send what is said as text.")
            case "text" | "video":
                pass
            case _ if self.type == "application/pdf":
                self.able(self.known.pdf, "reads no PDF")
                self.typed(takes.documents, "documents", "Send its text, or its pages as pictures.")
                self.sized(takes.document_bytes, "documents", "Send some of its pages, or its text.")
            case _:
                pass

    def able(self, can: bool | None, said: str) -> None:
        if can is False:
            source = self.known.source.replace("shipped ", "the catalogue of ")
            self.refuse(f"{self.model} {said}.", f"So says {source}.", "Ask another model.")

    def typed(self, types: tuple[str, ...] | None, what: str, hint: str) -> None:
        if types is None or self.type in types or (self.part.data is None and self.part.url is not None):
            return
        takes = f"It takes {', '.join(types)}." if types else f"It takes no {what}."
        self.refuse(f"{self.takes.name} takes no {what} of the type {self.type}: {self.name}.", takes, hint)

    def sized(self, limit: int | None, what: str, hint: str) -> None:
        data = self.part.data
        if limit is not None and data is not None and len(data) > limit:
            self.refuse(
                f"{self.name} is too large for {self.model}: {_mb(len(data))}.",
                f"{self.takes.name} takes {what} of up to {_mb(limit)}.",
                hint,
            )

    def measured(self) -> None:
        side, data = self.takes.picture_side, self.part.data
        if side is None or data is None:
            return
        width, height, _ = measure(data)
        if max(width, height) > side:
            self.refuse(
                f"{self.name} is too large for {self.model}: {width:,} × {height:,} pixels.",
                f"{self.takes.name} takes up to {side:,} pixels on a side.",
                "Make it smaller: models look at 2,000 pixels or so.",
            )

    def refuse(self, what: str, why: str, hint: str) -> NoReturn:
        raise BadRequest(what, why=why, hint=f"{hint} Nothing was sent.", model=self.model)


def _crowded(takes: Intake, parts: list[Media]) -> Intake:
    """What is taken of each where there are many pictures."""
    if takes.crowd is None or _pictures(parts) <= takes.crowd[0]:
        return takes
    return replace(takes, picture_side=takes.crowd[1])


def _pictures(parts: list[Media]) -> int:
    return sum(isinstance(part, ImagePart) for part in parts)


def _together(parts: list[Media], model: str, takes: Intake, window: int | None) -> None:
    pictures, most = _pictures(parts), takes.picture_count
    if takes.small_window is not None and window is not None and window <= takes.small_window[0]:
        most = takes.small_window[1]
    if most is not None and pictures > most:
        raise BadRequest(
            f"These are {pictures:,} pictures, too many for {model}.",
            why=f"{takes.name} takes up to {most:,} in one question, those of earlier turns counted.",
            hint="Send fewer, or several in one picture. Nothing was sent.",
        )
    size = sum(len(part.data or b"") for part in parts)
    if takes.whole is not None and size > takes.whole:
        raise BadRequest(
            f"The pictures and files are too large for {model}: {_mb(size)} together.",
            why=f"{takes.name} takes up to {_mb(takes.whole)} in one question, those of earlier turns counted.",
            hint="Send fewer, or smaller ones. Nothing was sent.",
        )


def _named_rightly(request: Request) -> tuple[Request, list[str]]:
    """Pictures under the type that their first bytes tell: providers refuse those that are called otherwise."""
    notes: list[str] = []

    def right(part: ImagePart) -> ImagePart:
        told = measure(part.data[:32])[2] if part.data else ""
        if not told.startswith("image/") or told == SAME.get(part.media_type, part.media_type):
            return part
        notes.append(f"A picture was called {part.media_type} and is {told}; it was sent as that.")
        return replace(part, media_type=told)

    messages = []
    for message in request.messages:
        parts = tuple(
            right(part)
            if isinstance(part, ImagePart)
            else replace(part, images=tuple(map(right, part.images)))
            if isinstance(part, ToolResultPart) and part.images
            else part
            for part in message.parts
        )
        messages.append(message if parts == message.parts else Message(message.role, parts))
    return (request.with_(messages=tuple(messages)) if notes else request), notes


def _mb(size: int) -> str:
    return f"{size / 1_000_000:,.1f} MB"
