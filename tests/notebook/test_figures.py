"""Figures and pictures in prompts: sent where they stand, as what one sees."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib as mpl
import plotly.graph_objects as go
import pytest
from IPython.display import Image as Shown
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin

from llmkit.core.errors import BadRequest
from llmkit.core.messages import FilePart, ImagePart, TextPart
from llmkit.engine import figures
from llmkit.notebook.attach import attach
from llmkit.notebook.prompt import fill

KEY = "made-up-key-0123456789"
mpl.use("agg")


def drawing(title="Sales"):
    figure = Figure(figsize=(2, 1))
    figure.subplots().set_title(title)
    return figure


def png(size=(3, 2), words=None):
    info = PngImagePlugin.PngInfo()
    for name, (text, packed) in (words or {}).items():
        info.add_text(name, text, zip=packed)
    out = io.BytesIO()
    Image.new("RGB", size).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def only(value, template="before {{ it }} after"):
    filled = fill(template, {"it": value})
    before, picture, after = filled.parts
    assert (before, after) == (TextPart("before "), TextPart(" after"))
    return picture, filled.notes


def size_of(part):
    return Image.open(io.BytesIO(part.data)).size


@pytest.mark.parametrize("pick", ["figure", "axes", "subfigure"])
def test_a_matplotlib_figure_or_a_part_of_it_stands_where_it_was_named(pick):
    figure = drawing()
    value = {"figure": figure, "axes": figure.axes[0], "subfigure": figure.subfigures()}[pick]
    picture, notes = only(value)
    assert picture.media_type == "image/png"
    assert size_of(picture)[0] > 50
    assert notes == ()


def test_a_pil_picture_an_ipython_image_and_a_path(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    for value in (Image.new("CMYK", (3, 2)), Shown(data=png()), tmp_path / "a.png"):
        picture, _ = only(value)
        assert size_of(picture) == (3, 2)
    picture, _ = only(Shown(url="https://a.example/x.jpg"))
    assert picture.url == "https://a.example/x.jpg"
    assert picture.data is None


def test_a_path_to_no_picture_is_its_name(tmp_path):
    assert fill("{{ p }}", {"p": Path("data.csv")}).text == "data.csv"
    assert fill("{{ p }}", {"p": tmp_path / "missing.png"}).text.endswith("missing.png")
    (tmp_path / "false.png").write_text("words")
    with pytest.raises(BadRequest, match="no picture that models see"):
        fill("{{ p }}", {"p": tmp_path / "false.png"})


def test_several_pictures_keep_their_places():
    filled = fill("{{ a }} or {{ b }}?", {"a": Image.new("L", (1, 1)), "b": Image.new("L", (2, 2))})
    assert [type(part) for part in filled.parts] == [ImagePart, TextPart, ImagePart, TextPart]
    assert filled.text == " or ?"


def test_a_large_picture_is_drawn_smaller_with_a_note(monkeypatch):
    monkeypatch.setattr(figures, "_COMFORTABLE", 100)
    picture, (note,) = only(Image.effect_noise((3000, 100), 50))
    assert size_of(picture)[0] == 2048
    assert "3000 × 100 pixels" in note
    picture, (note,) = only(drawing())
    assert "dots per inch" in note


def test_what_no_provider_takes_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "LARGEST", 50)
    (tmp_path / "a.png").write_bytes(png())
    for value in (tmp_path / "a.png", Shown(data=png())):
        with pytest.raises(BadRequest, match="too large to send"):
            fill("{{ it }}", {"it": value})


@pytest.mark.skipif(
    bool(__import__("importlib.util").util.find_spec("kaleido")),
    reason="kaleido is installed: plotly can draw",
)
def test_a_plotly_figure_without_an_engine_says_what_to_install():
    with pytest.raises(BadRequest, match="kaleido") as caught:
        fill("{{ fig }}", {"fig": go.Figure(go.Bar(y=[1]))})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    "value",
    [
        lambda: drawing(f"title {KEY}"),
        lambda: go.Figure(layout_title_text=KEY),
        lambda: Shown(data=png(words={"Comment": (KEY, False)})),
        lambda: Shown(data=png(words={"Comment": (KEY * 50, True)})),
    ],
    ids=["title", "plotly", "metadata", "packed"],
)
def test_a_key_in_a_figure_is_refused(monkeypatch, value):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(BadRequest, match="holds an API key") as caught:
        fill("{{ it }}", {"it": value()})
    assert KEY not in str(caught.value)


class Chart:
    def __init__(self, given):
        self.given = given

    def __llm__(self):
        return self.given


def test_an_object_says_itself_what_a_model_gets():
    picture = Image.new("L", (1, 1))
    document = FilePart(b"%PDF-1.7", "application/pdf", "a.pdf")
    filled = fill("{{ it }}", {"it": Chart(["A chart: ", picture, document, TextPart("end")])})
    assert [type(part) for part in filled.parts] == [TextPart, ImagePart, FilePart, TextPart]
    assert fill("{{ it }}", {"it": Chart("words")}).text == "words"
    for wrong in (None, Chart("x")):
        with pytest.raises(BadRequest, match="__llm__"):
            fill("{{ it }}", {"it": Chart(wrong)})


def test_the_same_things_can_be_attached(tmp_path):
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04\x00")
    names = {"fig": drawing(), "pil": Image.new("L", (1, 1)), "chart": Chart(["x", Image.new("L", (1, 1))])}
    parts, _ = attach([*names, str(tmp_path / "a.mp3")], names)
    assert [type(part) for part in parts] == [ImagePart, ImagePart, TextPart, ImagePart, FilePart]
    assert parts[-1].media_type == "audio/mpeg"


def test_a_key_in_an_attached_picture_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "a.png").write_bytes(png(words={"Comment": (KEY, False)}))
    with pytest.raises(BadRequest, match="holds an API key"):
        attach([str(tmp_path / "a.png")], {})


def test_a_model_that_does_not_see_gets_no_picture(kernel):
    kernel.run("from PIL import Image; dot = Image.new('L', (1, 1))")
    ran = kernel.run("%%llm deepseek/deepseek-v4-pro --dry-run\nWhat is {{ dot }}?")
    assert ran.error["ename"] == "BadRequest"
    assert "does not see pictures" in "".join(ran.error["traceback"])
    ran = kernel.run("%%llm sonnet --dry-run\nWhat is {{ dot }} here?")
    assert "What is \n[image/png, " in ran.stdout
