"""A model's Markdown written anew as safe Markdown, for ``text/markdown``.

A front end may run HTML, load images and typeset maths that it finds in Markdown. So the text is parsed and
every token written again: structure as structure, words with all that could act escaped. Turning
Markdown into HTML is not done here: see ``safe.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llmkit.notebook.maths import inside, may_typeset
from llmkit.notebook.visible import reveal, to_text

if TYPE_CHECKING:
    from markdown_it.token import Token

#: An exclamation mark would make an image of the link that follows it.
_ACTIVE = re.compile(r"[\\`*_\[\]$~|]|!\Z")
_LINE_START = re.compile(r"^(\s*)(?:([-+=#])|(\d{1,9})([.)]))", re.MULTILINE)
_AUTOLINK = re.compile(r"\b(https?|ftp|www|mailto)(:|\.)", re.IGNORECASE)


def to_markdown(text: str, *, typeset: bool = False) -> str:
    """The same words and structure, with nothing in it that a renderer could run or fetch.

    >>> print(to_markdown("**Hi** <b>you</b> ![x](https://example.org/x.png)"), end="")
    **Hi** &lt;b&gt;you&lt;/b&gt; *\\[image: x, example.org\\]*
    """
    from llmkit.notebook.safe import LONGEST, parser

    plain = to_text(text)
    if len(plain) > LONGEST:
        return _fenced(plain, "")
    tokens = parser().parse(plain)
    for one in tokens if typeset else ():
        for each in (one, *(one.children or ())):
            each.meta["typeset"] = True
    return reveal("\n\n".join(_blocks(tokens))) + "\n"


def _blocks(tokens: Sequence[Token]) -> list[str]:
    """Block tokens as Markdown blocks."""
    blocks: list[str] = []
    second = False
    at = 0
    while at < len(tokens):
        token = tokens[at]
        end = _closing(tokens, at)
        inside = tokens[at + 1 : end]
        match token.type:
            case "heading_open":
                blocks.append("#" * int(token.tag[1]) + " " + _inline(inside[0]).replace("\n", " "))
            case "paragraph_open":
                blocks.append(_inline(inside[0]))
            case "blockquote_open":
                blocks.append(_indented("\n\n".join(_blocks(inside)), "> ", "> "))
            case "bullet_list_open" | "ordered_list_open":
                neighbours = at > 0 and tokens[at - 1].type == token.type.replace("open", "close")
                second = neighbours and not second  # else two neighbouring lists would become one
                blocks.append(_list(token, inside, other_marker=second))
            case "table_open":
                blocks.append(_table(inside))
            case "fence" | "code_block":
                blocks.append(_fenced(token.content, token.info))
            case "maths_block":
                blocks.append(_maths(token))
            case "hr":
                blocks.append("***")  # never the underline of what stands above
            case "inline":
                blocks.append(_inline(token))
            case _:
                blocks.append(_escaped(token.content))
        at = end + 1
    return blocks


def _closing(tokens: Sequence[Token], at: int) -> int:
    """Where the block that opens at ``at`` closes (itself, if it has no inside)."""
    if tokens[at].nesting != 1:
        return at
    depth = 0
    for index in range(at, len(tokens)):
        depth += tokens[index].nesting
        if depth == 0:
            return index
    raise AssertionError("markdown-it always closes what it opens")


def _list(opening: Token, inside: Sequence[Token], *, other_marker: bool) -> str:
    number = int(opening.attrs.get("start", 1)) if opening.type == "ordered_list_open" else None
    bodies: list[Sequence[Token]] = []
    at = 0
    while at < len(inside):
        end = _closing(inside, at)
        bodies.append(inside[at + 1 : end])
        at = end + 1
    inner = opening.level + 2
    loose = any(
        t.type == "paragraph_open" and not t.hidden and t.level == inner for body in bodies for t in body
    )
    gap = "\n\n" if loose else "\n"
    bullet, dot = ("* ", ")") if other_marker else ("- ", ".")
    items: list[str] = []
    for count, body in enumerate(bodies):
        marker = bullet if number is None else f"{number + count}{dot} "
        items.append(_indented(gap.join(_blocks(body)), marker, " " * len(marker)))
    return gap.join(items)


def _table(inside: Sequence[Token]) -> str:
    rows: list[str] = []
    cells: list[str] = []
    rule: list[str] = []
    for at, token in enumerate(inside):
        if token.type in ("th_open", "td_open"):
            cells.append(_inline(inside[at + 1], in_table=True).replace("\n", " "))
            if token.type == "th_open":
                style = str(token.attrs.get("style", ""))
                rule.append("---:" if "right" in style else ":---:" if "center" in style else "---")
        elif token.type == "tr_close":
            rows.append(f"| {' | '.join(cells)} |")
            cells = []
            if len(rows) == 1:
                rows.append(f"| {' | '.join(rule)} |")
    return "\n".join(rows)


def _inline(token: Token, *, in_table: bool = False) -> str:
    from llmkit.notebook.safe import destination_note, image_note

    out: list[str] = []
    links: list[tuple[int, str]] = []
    words: list[str] = []
    for child in token.children or []:
        words.append(child.content)
        match child.type:
            case "softbreak":
                out.append("\n")
            case "hardbreak":
                out.append("\\\n")
            case "strong_open" | "strong_close":
                out.append("**")
            case "em_open" | "em_close":
                out.append("*")
            case "s_open" | "s_close":
                out.append("~~")
            case "code_inline":
                out.append(_code(child.content, in_table=in_table))
            case "link_open":
                links.append((len(words), str(child.attrs.get("href", ""))))
                out.append("[")
            case "link_close":
                start, href = links.pop()
                note = destination_note("".join(words[start:]), href)
                out.append(f"](<{_url(href)}>)" + (f" ({_escaped(note)})" if note else ""))
            case "maths":
                out.append(_maths(child, in_table=in_table))
            case "image":
                out.append(f"*{_escaped(image_note(child.content, str(child.attrs.get('src', ''))))}*")
            case _:
                out.append(_escaped(child.content))
    return _LINE_START.sub(_quiet_start, "".join(out))


def _quiet_start(match: re.Match[str]) -> str:
    """A line of a paragraph must not begin a list, a rule or an underlined heading."""
    blank, sign, digits, dot = match.groups()
    return f"{blank}\\{sign}" if sign else f"{blank}{digits}\\{dot}"


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _ACTIVE.sub(lambda found: "\\" + found[0], text)
    # Some renderers make links of bare addresses; an address that is only text stays text.
    return _AUTOLINK.sub(lambda found: f"{found[1]}{'&#58;' if found[2] == ':' else '&#46;'}", text)


def _maths(token: Token, *, in_table: bool = False) -> str:
    """Maths that may be typeset, if asked, where nothing in it is Markdown or HTML to others; else it is words."""
    written = token.content
    active = "<>&`[]!" + ("|" if in_table else "")
    quiet = written[0] == "$" and not any(one in written for one in active)
    if token.meta.get("typeset") and quiet and may_typeset(inside(written)):
        return " ".join(written.split())
    return _escaped(written)


def _code(content: str, *, in_table: bool) -> str:
    if in_table and ("|" in content or "\\" in content):
        return _escaped(content)  # renderers disagree about what a pipe in a cell's code means
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    marks = "`" * (longest + 1)
    pad = " " if content.startswith(("`", " ")) or content.endswith(("`", " ")) else ""
    return f"{marks}{pad}{content}{pad}{marks}"


def _fenced(content: str, info: str) -> str:
    language = re.match(r"[\w+#.-]{1,30}", info.strip())
    longest = max((len(run) for run in re.findall(r"`+", content)), default=0)
    marks = "`" * max(3, longest + 1)
    body = content if content.endswith("\n") else content + "\n"
    return f"{marks}{language.group(0) if language else ''}\n{body}{marks}"


def _indented(block: str, first: str, rest: str) -> str:
    lines = block.split("\n")
    quoted = rest.strip() != ""
    return "\n".join(
        (first if n == 0 else rest) + line if line or quoted or n == 0 else "" for n, line in enumerate(lines)
    )


def _url(href: str) -> str:
    return href.replace("<", "%3C").replace(">", "%3E").replace("\\", "%5C").replace("\n", "")
