"""Maths in an answer keeps every sign of it; a page typesets only what can do nothing else, if asked."""

from __future__ import annotations

import html
import re

import pytest

from llmkit.notebook.incremental import Incremental, so_far
from llmkit.notebook.maths import MOST, may_typeset
from llmkit.notebook.safe import to_html, to_markdown

PROCESS = 'class="tex2jax_process mathjax_process"'
FORMULAS = [
    r"$x$",
    r"$5$",
    r"$a_1*b*c_2$",
    r"$e^{i\pi} + 1 = 0$",
    r"$x \in \{1, 2\}$",
    r"$a < b$",
    r"\(x_1 + y_1\)",
    r"\( \frac{a}{b} \)",
    r"$$ \sum_{i=1}^n i = \frac{n(n+1)}{2} $$",
    r"\[ \int_0^1 x\,dx \]",
    "\\[\na\n- b\n= c\n\\]",
    "$$\n\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}\n$$",
    "\\begin{align}\na &= b \\\\\n  &= c\n\\end{align}",
]
WORDS = [
    "It costs $5, or $6.50 with tax.",
    "US$5/US$6, $5-$6, $5 and 6$",
    "echo $HOME/bin:$PATH and $A_B,$C",
    r"escaped \$x\$ and \[1\] and \(see below\)",
    "Kind regards,\n\\[Your name\\]",
    "`$x$` and ``\\(y\\)``",
    "```\n$x$\n```",
    "    $$ x $$",
    "$ x $ and $x",
    "$$\n\n$$",
    r"\begin{nothing}",
]
ACTIVE = [
    r"\href{javascript:alert(1)}{x}",
    r"\class{a}{x}",
    r"\style{position:fixed}{x}",
    r"\cssId{a}{x}",
    r"\unicode{x41}",
    r"\require{html}x",
    r"\def\x{y}",
    r"\newcommand{\x}{y}",
    r"\let\frac\href",
    r"\color{red}x",
    r"\bbox[url(x)]{x}",
    r"\rule{99em}{99em}",
    r"\hspace{-99em}x",
    r"x \\[99em] y",
    r"\text{<img src=x>}",
    r"\text{$\href{a}{b}$}",
    r"\begin{verbatim}x\end{verbatim}",
    r"\label{x}\ref{x}",
    "x % a comment",
    "#1",
    "{" * 30 + "x" + "}" * 30,
    "{x",
    "x}{",
    "x" * 3000,
]


def shown(markdown: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", to_html(markdown))).strip()


def typeset(markdown: str) -> str:
    return to_html(markdown, typeset=True)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_keeps_every_sign_and_is_typeset_if_asked(formula, look):
    gap = "\n\n" if "\n" in formula else " "
    text = f"Before{gap}{formula}{gap}after *it*."
    page = typeset(text)
    assert formula in shown(text)
    assert page.count(PROCESS) == 1
    assert "<em>it</em>" in page
    assert look(page).faults == []
    assert PROCESS not in to_html(text)
    assert re.sub(r' class="tex[^"]*"', "", page).count("<") == to_html(text).count("<")


@pytest.mark.parametrize("text", WORDS)
def test_prices_shells_code_and_escapes_are_not_maths(text):
    assert "_process" not in typeset(text)


@pytest.mark.parametrize("tex", ACTIVE)
def test_what_a_typesetter_might_act_on_is_shown_as_its_source(tex, look):
    assert not may_typeset(tex)
    for text in (f"${tex}$", f"$$\n{tex}\n$$", f"\\({tex}\\)"):
        page = typeset(text)
        assert "_process" not in page
        assert look(page).faults == []


@pytest.mark.parametrize("formula", FORMULAS)
def test_maths_in_saved_markdown_is_maths_or_words_and_nothing_else(formula):
    assert to_html(to_markdown(formula)).count("<em>") == 0
    assert not re.search(r"(?<!\\)\$", to_markdown(formula))
    if formula.startswith("$") and not set(formula) & set("<&[]"):
        assert " ".join(formula.split()) in to_markdown(formula, typeset=True)


def test_so_many_formulas_are_typeset_and_no_more():
    assert typeset("$x$ " * (MOST + 50)).count(PROCESS) == MOST


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_prefix_of_maths_looks_as_if_rendered_whole_and_is_not_typeset(formula):
    text = f"So:\n\n{formula}\n\nand on."
    growing = Incremental()
    for end in range(1, len(text) + 1):
        assert growing.update(text[:end]) == to_html(so_far(text[:end])), text[:end]
    assert "_process" not in growing.finish(text)


@pytest.mark.parametrize("name", ["`my-bank.com`", "$my-bank.com$", "**my-bank.com**"])
def test_a_host_named_in_code_or_maths_is_compared_with_where_the_link_goes(name):
    assert "(evil.example)" in to_html(f"[{name}](https://evil.example/login)")
