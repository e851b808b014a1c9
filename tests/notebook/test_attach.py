"""What may go with a question, and what it becomes."""

from __future__ import annotations

import os

import pytest

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, TextPart
from llmkit.notebook import attach as attaching
from llmkit.notebook.attach import attach
from llmkit.notebook.fix import is_model
from llmkit.notebook.magics import LLMMagics
from llmkit.notebook.options import read_line

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0.", "image/jpeg"), (b"GIF89a..", "image/gif"), (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"), (b"%PDF-1.4\n", "application/pdf")],
)  # fmt: skip
def test_the_first_bytes_say_what_a_file_is_not_its_name(tmp_path, data, kind):
    (tmp_path / "file.txt").write_bytes(data)
    ((part,), notes) = attach([str(tmp_path / "file.txt")], {})
    assert part.media_type == kind
    assert part.data == data
    assert isinstance(part, FilePart if kind == "application/pdf" else ImagePart)
    assert notes == ()


def test_text_goes_into_the_prompt_behind_a_fence_that_holds(tmp_path):
    (tmp_path / "notes.md").write_text("one\n```\ntwo\n```\n", "utf-8")
    ((part,), _) = attach([str(tmp_path / "notes.md")], {})
    assert part == TextPart("\n\nnotes.md:\n````\none\n```\ntwo\n```\n````")


@pytest.mark.parametrize(
    ("line", "attached", "tools", "model"),
    [
        ("sage -a a.png b.png", ("a.png", "b.png"), (), ("sage",)),
        ("-a a.png b.png sage", ("a.png", "b.png"), (), ("sage",)),
        ("-t f g openai/gpt-6 -a data/a.png", ("data/a.png",), ("f", "g"), ("openai/gpt-6",)),
        ("-a a.png -- sage", ("a.png",), (), ("sage",)),
    ],
)  # fmt: skip
def test_several_may_follow_one_option_up_to_the_next_or_the_model(line, attached, tools, model):
    asked = read_line(LLMMagics.llm.parser, line, is_model)
    assert (asked.attach, asked.tools, asked.words) == (attached, tools, model)


def test_a_url_is_passed_on_and_not_fetched():
    ((picture, paper), notes) = attach(["https://a.example/x.png?y=1", "https://a.example/p.pdf"], {})
    assert picture == ImagePart(media_type="image/png", url="https://a.example/x.png?y=1")
    assert paper == FilePart(media_type="application/pdf", name="p.pdf", url="https://a.example/p.pdf")
    assert "did not look" in notes[0]


def test_variables_become_pictures_tables_and_text(tmp_path):
    import pandas as pd

    picture = type(
        "Image", (), {"__module__": "PIL.Image", "mode": "RGB", "save": lambda self, f, kind: f.write(PNG)}
    )
    figure = type(
        "Figure", (), {"__module__": "matplotlib.figure", "savefig": lambda self, f, **more: f.write(PNG)}
    )
    names = {"data": PNG, "pic": picture(), "fig": figure(), "df": pd.DataFrame({"n": [1]}), "words": "hi"}
    parts, _ = attach(list(names), names)
    assert parts[:3] == (ImagePart(PNG), ImagePart(PNG), ImagePart(PNG))
    assert "| n (int64) |\n| --- |\n| 1 |" in parts[3].text
    assert parts[4].text == "\n\nwords:\n```\nhi\n```"


def test_a_figure_without_an_image_engine_is_told():
    def to_image(self, format):
        raise ValueError("no engine")

    figure = type("Figure", (), {"__module__": "plotly.graph_objs", "to_image": to_image})
    with pytest.raises(BadRequest, match="kaleido"):
        attach(["fig"], {"fig": figure()})


def test_what_cannot_be_attached_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(attaching, "LARGEST", 100)
    (tmp_path / "large").write_bytes(b"a" * 101)
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "blob").write_bytes(b"\x00\x01\x02")
    os.mkfifo(tmp_path / "pipe")
    for name, says in {
        "large": "too large",
        "empty": "empty",
        "blob": "no kind",
        "pipe": "no regular file",
        "missing": "no file and no variable",
        ".": "is a directory",
    }.items():
        with pytest.raises(BadRequest, match=says):
            attach([str(tmp_path / name)], {})
    with pytest.raises(BadRequest, match="password"):
        attach(["https://user:word@a.example/x.png"], {})


def test_a_key_in_a_file_is_not_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key-for-a-test")
    (tmp_path / "env").write_text("KEY=made-up-key-for-a-test", "utf-8")
    with pytest.raises(BadRequest, match="holds an API key"):
        attach([str(tmp_path / "env")], {})


def test_a_cell_attaches_files_and_variables(kernel, tmp_path):
    (tmp_path / "notes.txt").write_text("the sky", "utf-8")
    kernel.run(f"logo = {PNG!r}")
    ran = kernel.run(f"%%llm sim/swift -a {tmp_path}/notes.txt -a logo --dry-run\nWhat is this?")
    assert "[user]\nWhat is this?\n\n\nnotes.txt:\n```\nthe sky\n```\n[image/png, 28 bytes]\n" in ran.stdout
    assert "an attachment is a rough guess" in ran.stdout
    ran = kernel.run("%%llm sim/swift -a nothing.png\nWhat is this?")
    assert ran.error["ename"] == "BadRequest"
    assert kernel.run("%%llm sim/swift -a logo -q --no-history\nWhat is this?").status == "ok"
