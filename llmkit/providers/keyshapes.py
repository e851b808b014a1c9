"""What keys look like: the beginnings that providers give them, as data, and assignments that give one away.

To recognise a key that this process was never told, beside those it knows (``keys.py``).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

from llmkit.providers.keys import known_secrets, mask

#: Whose key it is and how it is spelled; the more telling beginning first.
SHAPES: tuple[tuple[str, str], ...] = (
    ("anthropic", r"sk-ant-[A-Za-z0-9_-]{16,}"),
    ("openrouter", r"sk-or-[A-Za-z0-9_-]{16,}"),
    ("openai", r"sk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{16,}"),
    ("openai or another", r"sk-[A-Za-z0-9_-]{20,}"),
    ("gemini", r"AIza[A-Za-z0-9_-]{30,}|AQ\.[A-Za-z0-9_-]{30,}"),
    ("groq", r"gsk_[A-Za-z0-9]{16,}"),
    ("xai", r"xai-[A-Za-z0-9]{16,}"),
    ("together", r"tgp_v\d_[A-Za-z0-9_-]{16,}"),
    ("perplexity", r"pplx-[A-Za-z0-9]{16,}"),
    ("fireworks", r"fw_[A-Za-z0-9]{20,}"),
    ("cerebras", r"csk-[A-Za-z0-9]{20,}"),
    ("nvidia", r"nvapi-[A-Za-z0-9_-]{20,}"),
    ("replicate", r"r8_[A-Za-z0-9]{20,}"),
    ("hugging face", r"hf_[A-Za-z0-9]{20,}"),
    ("github", r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}"),
    ("aws", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("slack", r"xox[abprs]-[A-Za-z0-9-]{16,}"),
    ("google", r"ya29\.[A-Za-z0-9_-]{20,}"),
)
#: Where a word begins, also behind a colour's escape, a letter that JSON escapes, or an address's percent sign.
_BEGIN = r"(?:(?<![A-Za-z0-9_-])|(?<=[0-9;\[]m)|(?<=\\[nrt])|(?<=%[0-9A-F]{2}))"
_SHAPE = re.compile(
    _BEGIN + "(?:" + "|".join(f"(?P<s{at}>{shape})" for at, (_, shape) in enumerate(SHAPES)) + ")"
)
#: ``OPENAI_API_KEY = "…"``, ``os.environ["X_API_KEY"] = "…"``, ``api_key: …``, ``%env X_API_KEY=…``, ``?key=…``.
_ASSIGNED = re.compile(
    r"(?i)(?:api[-_]?key|auth[-_]?token|access[-_]?token|secret[-_]?key)\\?[\"']?\s*[\])]?\s*[=:,]\s*\\?[\"']?"
    r"(?P<value>[A-Za-z0-9_.+/=-]{16,})"
    r"|bearer\s+(?P<bearer>[A-Za-z0-9_.+/=-]{16,})|[?&]key=(?P<query>[A-Za-z0-9_-]{16,})"
)
#: Words of examples, and of code that fetches a key rather than spelling it.
_NO_KEY = re.compile(
    r"(?i)your|example|placeholder|insert|replace|xxxx|\.\.\.|environ|getenv|getpass|get_|_key|api[-_]key|config|settings|test[-_]?key"
)


def keys_in(text: str) -> list[tuple[int, int, str]]:
    """Every known key (also as JSON, an address or base64 spell it) and whatever is spelled like one, in order.

    >>> keys_in("no key, and sk-your-api-key-goes-here neither")
    []
    """
    found = [
        (match.start(), match.end(), "a known key")
        for secret in known_secrets()
        for spelling in _spellings(secret)
        for match in re.finditer(re.escape(spelling), text)
    ]
    found += find_shapes(text)
    kept: list[tuple[int, int, str]] = []
    for start, end, owner in sorted(found, key=lambda one: (one[0], -one[1])):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]), kept[-1][2])
        else:
            kept.append((start, end, owner))
    return kept


def redact(text: str) -> str:
    """The text without anything that is a key or looks like one.

    >>> redact("groq: gsk_0123456789abcdef0123.")
    'groq: •••.'
    """
    text = mask(text)
    for start, end, _ in reversed(keys_in(text)):
        text = f"{text[:start]}•••{text[end:]}"
    return text


def _spellings(secret: str) -> set[str]:
    plain = base64.b64encode(secret.encode()).decode()
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), plain.rstrip("=")}


def find_shapes(text: str) -> Iterator[tuple[int, int, str]]:
    """Where something is spelled like a key: start, end, and whose it seems to be.

    >>> list(find_shapes("key = 'gsk_0123456789abcdef0123'"))
    [(7, 31, 'groq')]
    """
    for found in _SHAPE.finditer(text):
        if not _is_filler(found[0]):
            owner = next(SHAPES[int(name[1:])][0] for name, value in found.groupdict().items() if value)
            yield found.start(), found.end(), owner
    for found in _ASSIGNED.finditer(text):
        group = next(name for name, value in found.groupdict().items() if value)
        if _is_random(found[group]):
            yield found.start(group), found.end(group), "unknown"


def whose(text: str) -> str | None:
    """Whose key this text is spelled like, if it is nothing but that.

    >>> whose("sk-ant-0123456789abcdef0"), whose("openai")
    ('anthropic', None)
    """
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    return next(SHAPES[int(name[1:])][0] for name, value in found.groupdict().items() if value)


def _is_filler(text: str) -> bool:
    """``sk-xxxxxxxxxxxxxxxxxxxxxxxx``, ``sk-your-api-key-goes-right-here`` and ``sk-learn-...``: no keys."""
    return not any(letter.isdigit() for letter in text.partition("-")[2] or text) or "xxxx" in text.lower()


def _is_random(text: str) -> bool:
    mixed = any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
    return mixed and len(set(text)) >= 8 and not _NO_KEY.search(text)
