"""Model text made safe to show: as HTML, as Markdown source, as plain text, and piece by piece.

What a model writes is untrusted: in a notebook, a script in an output is code with the user's rights, and a
remote image tells somebody that (and what) was read. So nothing passes through; everything is parsed
and written anew. Raw HTML is shown as text, images become notes, links keep only http, https and mailto and
say where they go, maths is typeset only if asked, and where it can do nothing else (``maths.py``), and invisible characters are written out (``visible.py``).
The Markdown writer lives in ``source.py``, the piecewise renderer in ``incremental.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML

from llmkit.notebook import maths
from llmkit.notebook.incremental import Incremental
from llmkit.notebook.source import to_markdown
from llmkit.notebook.visible import reveal, to_text

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.utils import EnvType, OptionsDict

__all__ = ["Incremental", "to_html", "to_markdown", "to_text"]

#: Classes that MathJax (2, 3 and 4) skips, so that "$5 or $6" stays a price.
WRAPPER = '<div class="llmkit-md tex2jax_ignore mathjax_ignore">'
#: Beyond this, text is shown as it is written: parsing megabytes would hold up the kernel.
LONGEST = 1_000_000

_SCHEMES = ("http://", "https://", "mailto:")
#: What a host may be made of, and what makes one of it. Two steps, each of which reads a text once: links may be long.
_RUN = re.compile(r"[a-z0-9\u0080-\uffff.-]+", re.IGNORECASE)
_DOTTED = re.compile(r"[^.-]\.[a-z\u0080-\uffff]{2}", re.IGNORECASE)
_BLOCK = "margin:.2em 0 1em;overflow-x:auto;white-space:pre;padding:.6em .8em;border-radius:6px;background:rgba(127,127,127,.1)"
_FORMULA = "margin:0 0 1em;overflow-x:auto;white-space:pre-line"
_CELL = "text-align:{};padding:.25em .7em;border-bottom:1px solid rgba(127,127,127,.25)"


def to_html(markdown: str, *, typeset: bool = False) -> str:
    """A model's Markdown as HTML that is safe in any page; ``typeset`` says whether the page may typeset its maths.

    >>> print(to_html("**Hi** <script>alert(1)</script>"))
    <div class="llmkit-md tex2jax_ignore mathjax_ignore"><p><strong>Hi</strong> &lt;script&gt;alert(1)&lt;/script&gt;</p>
    </div>
    """
    return f"{WRAPPER}{render(markdown, typeset=typeset)}</div>"


def render(markdown: str, *, typeset: bool = False) -> str:
    """The same without the wrapper: for those who put pieces together (in a wrapper of their own)."""
    text = to_text(markdown)
    if len(text) > LONGEST:
        return f'<pre style="white-space:pre-wrap">{escapeHtml(text)}</pre>\n'
    # Entities (&#x202E;) are decoded while parsing, so what is invisible is looked for again at the end.
    return reveal(str(parser().render(text, {"typeset": maths.MOST if typeset else 0})))


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """CommonMark with tables, strikethrough and maths, without HTML."""
    made = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Renderer)
    made.enable(["table", "strikethrough"])
    made.validateLink = allowed  # type: ignore[method-assign]
    maths.add_maths(made)
    return made


def allowed(url: str) -> bool:
    """May a link go there?"""
    return url.lower().startswith(_SCHEMES)


def host_of(url: str) -> str:
    """Where a URL leads, in a word.

    >>> host_of("https://user@www.example.org:8080/a?b=c")
    'www.example.org:8080'
    """
    if url.lower().startswith("mailto:"):
        return url[7:].partition("?")[0]
    if url.lower().startswith("data:"):
        return "inline data"
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def destination_note(text: str, url: str) -> str:
    """The host to name beside a link whose words might lead one to expect another; else nothing.

    >>> destination_note("my-bank.com", "https://evil.example/login")
    'evil.example'
    >>> destination_note("the manual", "https://docs.example.org/")
    ''
    """
    host = host_of(url)
    named = [run.strip(".-").lower() for run in _RUN.findall(text) if _DOTTED.search(run)]
    bare = host.partition(":")[0].removeprefix("www.")
    if any(name.removeprefix("www.") != bare for name in named) and text.strip() != host:
        return host
    disguised = "@" in url.partition("?")[0] and not url.lower().startswith("mailto:")
    return host if disguised or "xn--" in host else ""


def image_note(alt: str, url: str) -> str:
    """What is shown in place of an image, which would be fetched from wherever the model says."""
    return f"[image: {', '.join(part for part in (alt.strip(), host_of(url)) if part) or 'untitled'}]"


class _Renderer(RendererHTML):
    """markdown-it's renderer, where images, links and blocks are ours."""

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        alt = self.renderInlineAsText(token.children, options, env)
        return f"<em>{escapeHtml(image_note(alt, str(token.attrs.get('src', ''))))}</em>"

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        href = escapeHtml(str(tokens[idx].attrs.get("href", "")))
        return f'<a href="{href}" title="{href}" target="_blank" rel="noopener noreferrer">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        start = next(i for i in range(idx, -1, -1) if tokens[i].type == "link_open")
        words = "".join(token.content for token in tokens[start + 1 : idx])  # also those in code and maths
        note = destination_note(words, str(tokens[start].attrs.get("href", "")))
        return f"</a> ({escapeHtml(note)})" if note else "</a>"

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = re.match(r"[\w+#.-]{1,30}", tokens[idx].info.strip())
        return _code(tokens[idx].content, language.group(0) if language else "")

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _code(tokens[idx].content, "")

    def _cell(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        align = re.search(r"left|right|center", str(token.attrs.get("style", "")))
        return f'<{token.tag} style="{_CELL.format(align.group(0) if align else "left")}">'

    th_open = td_open = _cell

    def maths(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return f"<span{_typeset(tokens[idx].content, env)}>{escapeHtml(tokens[idx].content)}</span>"

    def maths_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        written = tokens[idx].content
        return f'<div{_typeset(written, env)} style="{_FORMULA}">{escapeHtml(written)}</div>\n'

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<table style="margin-left:0;border-collapse:collapse">\n'


def _typeset(written: str, env: EnvType) -> str:
    return ' class="tex2jax_process mathjax_process"' if maths.typesets(written, env) else ""


def _code(content: str, language: str) -> str:
    mark = f' class="language-{escapeHtml(language)}"' if language else ""
    return f'<pre style="{_BLOCK}"><code{mark} style="padding:0;background:none;white-space:pre">{escapeHtml(content)}</code></pre>\n'


def escape(text: str) -> str:
    """Any text, as text, for the inside of HTML or of an attribute."""
    return escapeHtml(to_text(text))
