"""Pictures, documents and sounds are held against what their provider and model take, before anything is sent."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

import llmkit
from llmkit.core.messages import FilePart, ImagePart, Message, Part, ToolCallPart, ToolResultPart
from llmkit.errors import BadRequest
from llmkit.sim import Simulator

TINY = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MB = 1_000_000


def png(size: int = 0, width: int = 10, height: int = 10) -> bytes:
    """The beginning of a picture of that many pixels, and bytes up to that size."""
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return head.ljust(size, b"\x00")


def picture(data: bytes = TINY, kind: str = "image/png") -> ImagePart:
    return ImagePart(data, kind)


def pdf(size: int = 0) -> FilePart:
    return FilePart(b"%PDF-1.7".ljust(size, b" "), "application/pdf", "report.pdf")


def sound(kind: str = "audio/ogg") -> FilePart:
    return FilePart(b"OggS", kind, "talk.ogg")


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()

    def at(kind: str, path: str = "", **more: Any) -> dict[str, Any]:
        return {"type": kind, "base_url": simulator.url + path, "api_key": "k" * 12, **more}

    return llmkit.Session(
        {
            "providers": {
                "claude": at("anthropic"),
                "gpt": at("openai", "/v1"),
                "chat": at("openai", "/v1", api="chat"),
                "google": at("gemini"),
                "grok": at("xai", "/xai/v1"),
                "groq": at("groq", "/groq/v1"),
                "ollama": at("ollama", "/ollama/v1"),
                "any": at("compatible", "/v1"),
            },
            "models": {"any/blind": {"vision": False, "pdf": False, "audio": False}},
        }
    )


#: Where, what, a word of what is wrong, a word of why or what to do.
REFUSED: list[tuple[str, tuple[Part, ...], str, str]] = [
    ("claude/m", (picture(png(4 * MB)),), "Picture is too large for claude/m: 4.0 MB", "up to 3.9 MB"),
    ("claude/m", (picture(png(width=8001)),), "8,001 × 10 pixels", "8,000 pixels on a side"),
    ("claude/m", tuple(picture(png(3 * MB)) for _ in range(9)), "27.0 MB together", "up to 25.2 MB"),
    ("claude/m", (picture(png(width=2001)),) * 21, "2,001 × 10 pixels", "2,000 pixels on a side"),
    ("claude/claude-haiku-4-5", (picture(),) * 101, "101 pictures, too many", "up to 100 in one question"),
    ("groq/m", (picture(png(2 * MB)), picture(png(2 * MB))), "4.0 MB together", "up to 3.1 MB"),
    ("claude/m", (sound(),), "Anthropic takes no sounds of the type audio/ogg: talk.ogg", "WAV or MP3"),
    ("google/m", (picture(b"GIF89a" + bytes(8), "image/gif"),), "no pictures of the type image/gif", "PNG or JPEG"),
    ("google/m", (pdf(51 * MB),), "report.pdf is too large for google/m: 51.0 MB", "up to 50.0 MB"),
    ("chat/m", (sound(),), "no sounds of the type audio/ogg", "audio/wav, audio/mpeg"),
    ("grok/m", (picture(b"GIF89a" + bytes(8), "image/gif"),), "no pictures of the type image/gif", "image/jpeg"),
    ("grok/m", (pdf(),), "xAI takes no documents", "pages as pictures"),
    ("groq/m", tuple(picture() for _ in range(6)), "6 pictures, too many for groq/m", "takes up to 5"),
    ("ollama/m", (ImagePart(url="https://x.example/a.png"),), "an address, which Ollama does not fetch", "attach the file"),
    ("any/m", (picture(b""),), "Picture is empty", "Give the picture"),
    ("any/blind", (picture(),), "any/blind sees no pictures", "So says your configuration."),
    ("any/blind", (pdf(),), "any/blind reads no PDF", "another model"),
    ("any/blind", (picture(), sound()), "any/blind sees no pictures", "Ask another"),
    ("any/blind", (sound(),), "any/blind hears no sounds", "Ask another"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "parts", "what", "more"), REFUSED, ids=lambda value: str(value)[:24])
def test_what_a_provider_would_refuse_is_refused_before_it_is_sent(
    session: llmkit.Session, simulator: Simulator, model: str, parts: tuple[Part, ...], what: str, more: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        session.ask([Message.user("What is this?", *parts)], model=model)
    error = caught.value
    assert what in error.what
    assert more in f"{error.why} {error.hint}"
    assert error.hint.endswith("Nothing was sent.")
    assert simulator.requests == []


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("claude/vision", (picture(), pdf())),
        ("claude/vision", (picture(png(3 * MB)), pdf(3 * MB))),
        ("gpt/vision", (picture(), pdf())),
        ("google/vision", (picture(), sound())),
        ("any/vision", (picture(png(6 * MB)),)),
        ("grok/vision", (ImagePart(url="https://x.example/a.gif", media_type="image/gif"),)),
    ],
    ids=lambda value: str(value)[:16],
)
def test_what_fits_is_sent(
    session: llmkit.Session, simulator: Simulator, model: str, parts: tuple[Part, ...]
) -> None:
    assert session.ask([Message.user("What is this?", *parts)], model=model + ":rate=0,ttft=0").text
    assert len(simulator.requests) == 1


def test_a_picture_goes_under_its_true_type_and_the_reply_says_so(
    session: llmkit.Session, simulator: Simulator
) -> None:
    wrong = picture(kind="image/jpeg")
    reply = session.ask([Message.user("What?", wrong)], model="claude/vision:rate=0,ttft=0")
    assert "A picture was called image/jpeg and is image/png; it was sent as that." in reply.notes
    sources = [
        block["source"]
        for message in simulator.requests[-1].json["messages"]
        for block in message["content"]
        if block["type"] == "image"
    ]
    assert [source["media_type"] for source in sources] == ["image/png"]


def test_pictures_of_tools_and_of_earlier_turns_count_too(session: llmkit.Session) -> None:
    call = Message.assistant(ToolCallPart("c1", "draw", {}))
    large = Message.tool(ToolResultPart("c1", "Here.", "draw", images=(picture(png(4 * MB)),)))
    with pytest.raises(BadRequest, match="too large for claude/m"):
        session.ask([Message.user("Draw."), call, large], model="claude/m")
    several = [
        Message.user("One.", *[picture()] * 3),
        Message.assistant("Yes."),
        Message.user(*[picture()] * 3),
    ]
    with pytest.raises(BadRequest, match="6 pictures"):
        session.ask(several, model="groq/m")


def test_what_the_user_wrote_of_a_model_counts_for_its_options_too(session: llmkit.Session) -> None:
    made = llmkit.Session(
        {
            "providers": {"any": {"type": "compatible", "base_url": session.registry["any"].base_url}},
            "models": {"any/swift": {"sampling": False, "max_output": 50}},
        }
    )
    reply = made.ask("hello", model="any/swift", temperature=0.5, max_tokens=1000)
    assert any("`temperature` was left out" in note for note in reply.notes)
    assert any("`max_tokens` 1,000 became 50" in note for note in reply.notes)
    assert made.estimate("hello", model="any/swift").max_output == 50
