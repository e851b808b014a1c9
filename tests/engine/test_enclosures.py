"""Files, pictures, figures and tables stand beside the words of a question, in Python as in a cell."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.errors import BadRequest
from llmkit.sim import Simulator


def png() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "PNG")
    return out.getvalue()


def picture() -> Any:
    from PIL import Image

    return Image.new("RGB", (4, 4), "red")


def figure() -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(1, 1))


def table() -> Any:
    import pandas as pd

    return pd.DataFrame({"city": ["Oslo"], "people": [700_000]})


def file(name: str, data: bytes) -> Any:
    def made(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return made


class Plan:
    def __llm__(self) -> str:
        return "Buy milk."


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session({"providers": {"here": {"type": "compatible", "base_url": simulator.url + "/v1"}}})


def content(simulator: Simulator) -> str:
    return str(simulator.requests[-1].json["messages"][-1]["content"])


@pytest.mark.parametrize(
    ("thing", "kind"),
    [
        (file("a.png", png()), "image/png"),
        (lambda _: png(), "image/png"),
        (lambda _: picture(), "image/png"),
        (lambda _: figure(), "image/png"),
        (lambda _: llmkit.ImagePart(png()), "image/png"),
        (file("a.pdf", b"%PDF-1.7 ..."), "application/pdf"),
        (file("a.wav", b"RIFF....WAVEfmt "), "'input_audio'"),
        (file("notes.txt", "Milch für Zoë".encode()), "notes.txt:\\n```\\nMilch für Zoë"),
        (lambda _: table(), "| Oslo | 700000 |"),
        (lambda _: table()["city"], "| Oslo |"),
        (lambda _: Plan(), "Buy milk."),
    ],
)
@pytest.mark.parametrize("way", ["list", "message", "mapping", "chat"])
def test_a_thing_goes_along_with_words(
    session: llmkit.Session, simulator: Simulator, tmp_path: Path, thing: Any, kind: str, way: str
) -> None:
    asked = ["What is this?", thing(tmp_path)]
    match way:
        case "list":
            session.ask(asked, model="here/m")
        case "message":
            session.ask(llmkit.Message.user(*asked), model="here/m")
        case "mapping":
            session.ask([{"role": "user", "content": asked}], model="here/m")
        case _:
            chat = llmkit.Chat("here/m", session=session)
            chat.ask(asked)
            saved = llmkit.Chat.load(chat.save(tmp_path / "chat.json"), session=session)
            assert saved.turns[0].asked == chat.turns[0].asked
    sent = content(simulator)
    assert sent.index("What is this?") < sent.index(kind)


def test_a_file_or_a_picture_may_be_the_whole_question(
    session: llmkit.Session, simulator: Simulator, tmp_path: Path
) -> None:
    for thing in (file("question.txt", b"Why is the sky blue?")(tmp_path), picture(), table()):
        session.ask(thing, model="here/m")
    assert "Why is the sky blue?" in str(simulator.requests[0].json["messages"])
    assert base64.b64encode(b"\x89PNG\r\n")[:8].decode() in str(simulator.requests[1].json["messages"])


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        (["What is this?", Path("there-is-none.png")], "can't be read"),
        (["What is this?", Path()], "a directory"),
        (["What is this?", b"\x00\x01"], "no kind that models read"),
        (llmkit.Message.user("What is this?", 5), "of the type int"),
    ],
)
def test_what_no_model_reads_is_refused_before_anything_is_sent(
    session: llmkit.Session, simulator: Simulator, asked: Any, word: str
) -> None:
    with pytest.raises(BadRequest) as caught:
        session.ask(asked, model="here/m")
    assert word in str(caught.value)
    assert simulator.attempts == 0


def test_what_was_left_out_is_told_and_a_comparison_asks_with_it(
    session: llmkit.Session, simulator: Simulator
) -> None:
    import pandas as pd

    long = pd.DataFrame({"n": range(500)})
    session.ask(["Sum it up.", long], model="here/m")
    assert any("20 of 500 rows" in notice for notice in session.news())
    session.compare(llmkit.Message.user("Sum it up.", long), models=["here/a", "here/b"])
    assert all("20 of 500 rows" in str(seen.json["messages"]) for seen in simulator.requests[-2:])
    assert session.estimate(["Sum it up.", long], model="here/m").tokens > 50
