"""What a model writes is shown, and does nothing."""

from __future__ import annotations

import html
import re
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import mistune
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock

from llmkit.notebook import safe
from llmkit.notebook.incremental import TAIL, Incremental, so_far
from llmkit.notebook.safe import to_html, to_markdown, to_text
from llmkit.notebook.terminal import TextFeed

FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff\U000e0001\U000e0041]"
)


def trusting(markdown: str) -> list[str]:
    """What renderers that trust Markdown (HTML on, links made of bare words) make of it."""
    trusted = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    trusted.validateLink = lambda url: True
    plugins = ["table", "strikethrough", "url", "math", "footnotes", "task_lists"]
    return [trusted.render(markdown), str(mistune.create_markdown(escape=False, plugins=plugins)(markdown))]


DATA = Path(__file__).parent / "data"


def test_there_are_enough_samples():
    for name, least in (("hostile", 400), ("harmless", 100)):
        assert len(set((DATA / f"{name}.jsonl").read_text("utf-8").splitlines())) >= least


# -- HTML ---------------------------------------------------------------------------------------


def test_a_hostile_answer_does_nothing_in_a_page(hostile, look):
    page = look(to_html(hostile))
    assert page.faults == []
    assert not FORBIDDEN.search("".join(page.words))


def test_a_hostile_answer_does_nothing_at_any_point_of_its_streaming(hostile, look):
    growing = Incremental()
    for end in range(1, len(hostile) + 1):
        assert look(growing.update(hostile[:end])).faults == [], hostile[:end]
    assert growing.finish(hostile) == to_html(hostile)


@pytest.mark.parametrize("frame", ["- {}", "> {}", "1. {}", "# {}", "**{}**", "| a |\n|---|\n| {} |", "[{}](https://a.example)", "![{}](https://a.example)", "text\n\n{}\n\ntext", "```\n```\n{}"])  # fmt: skip
def test_a_hostile_answer_does_nothing_inside_other_markup(frame, look):
    for payload in ("<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/x)", "[x](javascript:alert(1))", "\x1b]52;c;eA==\x07", "\u202e", '" onclick="alert(1)'):  # fmt: skip
        text = frame.format(payload)
        assert look(to_html(text)).faults == [], text
        for rendered in trusting(to_markdown(text)):
            assert look(rendered).faults == [], text


def test_a_harmless_answer_keeps_its_words(harmless, look):
    page = look(to_html(harmless))
    assert page.faults == []
    plain = re.sub(r"^ {0,3}\[[^\]]+\]: .*$", "", harmless, flags=re.MULTILINE)
    for word in re.findall(r"[^\W_\d]{3,}", re.sub(r"\]\([^)]*\)|```\w*|~~~\w*|&\w+;", " ", plain)):
        assert word in "".join(page.words)


def test_a_harmless_answer_is_rendered_as_commonmark_says(harmless):
    reference = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(harmless)
    ours = to_html(harmless).removeprefix(safe.WRAPPER).removesuffix("</div>")
    assert bare(ours) == bare(reference)


def bare(rendered: str) -> str:
    """Tags without attributes."""
    return re.sub(r"<(\w+)[^>]*>", r"<\1>", rendered)


def test_raw_html_is_shown_as_text(look):
    assert "<b>bold</b>" in "".join(look(to_html("<b>bold</b>")).words)


def test_an_image_becomes_a_note_that_names_its_host(look):
    assert "[image: a cat, evil.example]" in to_html("![a cat](https://evil.example/cat.png?d=secret)")
    assert "secret" not in to_html("![a cat](https://evil.example/cat.png?d=secret)")


def test_a_link_opens_elsewhere_and_tells_where_it_goes():
    link = to_html('[words](https://docs.example.org/a?b=1 "somewhere else")')
    assert 'href="https://docs.example.org/a?b=1" title="https://docs.example.org/a?b=1"' in link
    assert 'target="_blank" rel="noopener noreferrer"' in link
    assert "somewhere else" not in link


@pytest.mark.parametrize(
    ("link", "note"),
    [
        ("[my-bank.com](https://evil.example/)", "(evil.example)"),
        ("[https://my-bank.com/login](https://evil.example/)", "(evil.example)"),
        ("[click](https://my-bank.com@evil.example/)", "(evil.example)"),
        ("[bänk](https://bänk.example/)", "(xn--bnk-qla.example)"),
        ("[docs.example.org](https://docs.example.org/x)", ""),
        ("[the docs](https://docs.example.org/x)", ""),
        ("<https://docs.example.org/x>", ""),
    ],
)
def test_a_link_whose_words_name_another_host_shows_its_own(link, note, look):
    words = "".join(look(to_html(link)).words).strip()
    assert words.endswith(note)
    assert ("(" in words) == bool(note)


def test_prices_survive_and_maths_is_left_alone():
    page = to_html("It costs $5, not $6.")
    assert "It costs $5, not $6." in page
    assert page.startswith('<div class="llmkit-md tex2jax_ignore mathjax_ignore">')
    assert r"\$5" in to_markdown("It costs $5.")


def test_code_tables_and_lists_survive(look):
    page = to_html("```python\na < b\n```\n\n| x |\n|---|\n| 1 |\n\n1. one\n2. two")
    for piece in ('<code class="language-python" ', ">a &lt; b\n</code>", "<td ", "<ol>", "<li>two</li>"):
        assert piece in page


def test_an_endless_answer_is_shown_without_parsing():
    page = to_html("*" * (safe.LONGEST + 1))
    assert "<pre" in page
    assert "<em>" not in page


@given(st.text(alphabet="<>[]()!`*_~|#-+=:;&\"'\\/\n ax1$\x1b\u202e\u200d.h", max_size=80))
@settings(max_examples=150, deadline=None)
def test_no_text_does_anything(text):
    found: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append(tag)

    for rendered in (to_html(text), Incremental().update(text), *trusting(to_markdown(text))):
        Tags().feed(rendered)
    assert not set(found) - {"div", "p", "em", "strong", "code", "pre", "a", "ul", "ol", "li", "blockquote", "br", "hr", "s", "del", "span", "table", "thead", "tbody", "tr", "th", "td", "h1", "h2", "h3", "h4", "h5", "h6"}  # fmt: skip


# -- Markdown -----------------------------------------------------------------------------------


def test_a_hostile_answer_does_nothing_in_a_renderer_that_trusts_markdown(hostile, look):
    source = to_markdown(hostile)
    assert not FORBIDDEN.search(source)
    for rendered in trusting(source):
        assert look(rendered).faults == [], source


def test_safe_markdown_means_what_the_answer_meant(harmless):
    once = to_html(harmless)
    again = to_html(to_markdown(harmless))
    assert words_of(again) == words_of(once)
    assert re.findall(r"<(\w+)", bare(again)) == re.findall(r"<(\w+)", bare(once))


def words_of(rendered: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", rendered)).split())


# -- plain text ---------------------------------------------------------------------------------


def test_plain_text_moves_no_cursor_and_hides_nothing(hostile):
    text = to_text(hostile)
    assert not FORBIDDEN.search(text)
    assert not [c for c in text if unicodedata.category(c) == "Cc" and c not in "\t\n"]


def test_plain_text_of_harmless_text_is_that_text(harmless):
    assert to_text(harmless) == harmless


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\", "here"),
        ("\x9b31mred", "red"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("a\tb\n", "a\tb\n"),
        ("be\x07ll", "bell"),
        ("user\u202etxt.exe", "user⟨U+202E⟩txt.exe"),
        ("pay\u200bpal", "pay⟨U+200B⟩pal"),
        ("ok\U000e0068\U000e0069", "ok⟨hidden: hi⟩"),
        ("\x1b]an escape that never ends\nnext line", "\nnext line"),
    ],
)
def test_plain_text(written, shown):
    assert to_text(written) == shown


def test_a_terminal_gets_the_same_text_however_the_network_cuts_it(hostile):
    for size in (1, 2, 3, 7):
        feed = TextFeed()
        pieces = [feed.take(hostile[at : at + size]) for at in range(0, len(hostile), size)]
        assert "".join(pieces) + feed.end() == to_text(hostile)


def test_a_terminal_gets_harmless_text_unchanged(harmless):
    feed = TextFeed()
    assert "".join(feed.take(char) for char in harmless) + feed.end() == harmless


# -- piece by piece -----------------------------------------------------------------------------


def test_every_prefix_of_an_answer_looks_as_if_rendered_whole(harmless):
    growing = Incremental()
    later = "[ref]" in harmless  # a link defined further down is known at the end only
    for end in range(1, len(harmless) + 1):
        shown = growing.update(harmless[:end])
        if not later:
            assert shown == to_html(so_far(harmless[:end])), harmless[:end]


@pytest.mark.parametrize("line", ["\\[ a\n", "$$ a\n", "\\begin{x}\n", "word\n"])
def test_lines_that_open_what_is_never_closed_are_each_looked_at_a_few_times(line, monkeypatch):
    looks, is_empty = [], StateBlock.isEmpty
    monkeypatch.setattr(StateBlock, "isEmpty", lambda state, at: looks.append(at) or is_empty(state, at))
    to_html(line * 1_000)
    assert len(looks) < 10 * 1_000


def test_a_link_of_very_many_letters_is_rendered():
    name = "a" * 300_000
    assert f">{name}</a>" in to_html(f"[{name}](https://a.example)")
    assert "(evil.example)" in to_html(f"[{name}.example](https://evil.example)")


def test_every_prefix_of_a_long_answer_looks_as_if_rendered_whole():
    answer = (
        "# Title\n\nSome *words* and `code`.\nMore.\n\n- one\n- two\n\n  more of two\n\n- three\n\nText.\n\n"
        "```python\nx = 1\n\ny = 2\n```\n\n1. a\n\n   ```\n   b\n\n   c\n   ```\n\n2. d\n\n> quote\n>\n> more\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n---\n\n    indented\n\n    code\n\nSetext\n---\n\nEnd."
    )
    growing = Incremental()
    for end in range(1, len(answer) + 1):
        assert growing.update(answer[:end]) == to_html(so_far(answer[:end])), answer[:end]


@pytest.mark.parametrize(
    "block",
    [
        "A paragraph of words.\n\n",
        "- an item\n",
        "| a | b |\n",
        "line of code\n",
        "word ",
        "x",
        "1. item\n\n",
        "> quote\n",
    ],
)
@pytest.mark.parametrize("opening", ["", "```python\n", "| h | i |\n|---|---|\n", "- ```\n  "])
def test_an_update_costs_no_more_when_the_answer_is_long(opening, block, look):
    text = opening
    growing = Incremental()
    costs = []
    while len(text) < 6 * TAIL:
        text += block * (400 // len(block) + 1)
        before = growing.rendered
        shown = growing.update(text)
        costs.append(growing.rendered - before)
    assert max(costs) <= 3 * TAIL
    assert look(shown).faults == []
    assert growing.finish(text) == to_html(text)
