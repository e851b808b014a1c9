"""An answer that is still being written: no marks without words, no jumps, and nothing lost."""

from __future__ import annotations

import re

import pytest

from llmkit.notebook.halfway import ended
from llmkit.notebook.incremental import so_far
from llmkit.notebook.safe import to_html


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Light is **", "Light is "),
        ("Light is **scat", "Light is **scat**"),
        ("Light is **scattered*", "Light is **scattered**"),
        ("Light is **scattered**", "Light is **scattered**"),
        ("**One** and **tw", "**One** and **tw**"),
        ("(**", "("),
        ("- **Ti", "- **Ti**"),
        ("It is `1/λ", "It is `1/λ`"),
        ("It is `a ** b` and **so", "It is `a ** b` and **so**"),
        ("It is ``a ` b", "It is ``a ` b``"),
        ("See [the manual](https://docs.exam", "See the manual"),
        ("See [the manual](https://docs.example.org/)", "See [the manual](https://docs.example.org/)"),
        ("So:\n-", "So:\n"),
        ("So:\n- one\n-", "So:\n- one\n"),
        ("So:\n==", "So:\n"),
        ("Title\n---", "Title\n---"),
        ("Two:\n\n1.", "Two:\n\n"),
    ],
)
def test_what_is_half_written_is_shown_as_if_it_ended_there(text, shown):
    assert ended(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2**3",
        "f(a, **kw) takes any keywords, " + "whichever they are, " * 6,
        r"\**no",
        "a ** b",
        "snake_case and *so",
        "    x = f(**kw",
        "One **bold** word.",
        "An open ** stays\n\nwhere a new paragraph began.",
        "price: 5 $",
    ],
)
def test_what_means_something_else_stays_as_it_is(text):
    assert ended(text) == text


@pytest.mark.parametrize(
    "code", ["```python\nx = f(**kw", "~~~\n- ", "- ```\n  **a", "```\n- **a `b", "So:\n```"]
)
def test_code_in_a_fence_is_left_alone(code):
    assert so_far(code) == code


def test_a_fence_that_is_about_to_close_does_not_show_its_marks():
    assert so_far("```\nx\n``") == "```\nx\n"
    assert so_far("```\nx\n```") == "```\nx\n```"


def test_an_answer_shows_no_heading_and_no_stars_on_its_way_that_it_does_not_mean():
    answer = "Light is **scattered**, by `1/λ⁴`:\n- short waves **most**\n- long ones less\n\nSee [this](https://a.example/b)."
    for end in range(1, len(answer) + 1):
        shown = to_html(so_far(answer[:end]))
        assert "<h" not in shown, answer[:end]
        assert not re.search(r"[*`]|\]\(|https?:(?![^<]*>)", re.sub(r"<[^>]*>", "", shown)), answer[:end]
    assert shown == to_html(answer)
