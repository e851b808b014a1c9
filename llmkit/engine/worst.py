"""The most that an attempt may cost, and the least, from what is about to be sent. No I/O.

Prices are the business of ``models/prices.py``. An estimate of the input gets a margin; the longest answer
is what the body allows, or what the model can give at most.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_never

from llmkit.core.messages import (
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from llmkit.core.request import Request
from llmkit.core.usage import Usage
from llmkit.models.prices import Overrides, cost_of, worst_case
from llmkit.models.tokens import estimate_tokens
from llmkit.providers.base import Provider

#: A guess is good to about ±30 %; what the provider puts around a prompt comes on top.
_MARGIN = 1.5
_FRAME = 200
#: What pictures and documents that can't be measured count as: more than providers charge for one.
_PICTURE = 6_000
_DOCUMENT = 100_000
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def worst_of(
    request: Request, body: Mapping[str, Any], provider: Provider, *, overrides: Overrides | None = None
) -> Decimal | None:
    """Dollars, or ``None`` where nobody knows."""
    tokens, answers = input_tokens(request), _answers(body)
    tier = body.get("service_tier")
    cost = worst_case(
        provider.name,
        request.model,
        tokens,
        longest(body),
        base_url=provider.base_url,
        service_tier=tier if isinstance(tier, str) else None,
        overrides=overrides,
    )
    if cost.amount is None or cost.currency != "USD":
        return None
    return cost.amount * answers


def least_of(request: Request, provider: Provider, *, overrides: Overrides | None = None) -> Decimal:
    """Dollars that it costs in any case: half of what its words seem to be, and no answer; 0 without a price."""
    usage = Usage(input=1 + _measured(request)[0] // 2, output=0, source="estimated")
    cost = cost_of(
        usage,
        provider=provider.name,
        model=request.model,
        at=datetime.now(UTC),
        base_url=provider.base_url,
        overrides=overrides,
    )
    return Decimal(0) if cost.amount is None or cost.currency != "USD" else cost.amount


def input_tokens(request: Request) -> int:
    """How many tokens the request is at most, as far as one can tell without its tokenizer."""
    guess, more = _measured(request)
    return int(guess * _MARGIN) + _FRAME + more


def _measured(request: Request) -> tuple[int, int]:
    """The tokens of its words, and of what is not words."""
    words = [request.system or ""]
    more = 0
    for message in request.messages:
        for part in message.parts:
            text, tokens = weigh(part)
            words.append(text)
            more += tokens
    for tool in request.tools:
        words += [tool.name, tool.description, _as_json(tool.parameters)]
    if request.schema is not None:
        words.append(_as_json(request.schema))
    return estimate_tokens("\n".join(words)).value, more


def weigh(part: Part) -> tuple[str, int]:
    """A part's words, and the tokens of what is not words."""
    match part:
        case TextPart(text):
            return text, 0
        case ThinkingPart():
            return part.text + (part.encrypted or ""), 0
        case ToolCallPart():
            return part.name + part.arguments_json, 0
        case ToolResultPart():
            return part.content, _PICTURE * len(part.images)
        case ImagePart():
            return "", _PICTURE
        case FilePart():
            return "", _DOCUMENT if part.data is None else max(_PICTURE, len(part.data) // 3)
        case OpaquePart():
            return _as_json(part.raw), 0
        case _:
            assert_never(part)


def longest(body: Mapping[str, Any]) -> int | None:
    """The longest answer that the body allows."""
    generation = body.get("generationConfig")
    if isinstance(generation, Mapping):
        return _count(generation.get("maxOutputTokens"))
    return next((n for name in _LIMITS if (n := _count(body.get(name))) is not None), None)


def _answers(body: Mapping[str, Any]) -> int:
    """How many answers are asked for at once."""
    generation = body.get("generationConfig")
    asked = generation.get("candidateCount") if isinstance(generation, Mapping) else body.get("n")
    return max(1, _count(asked) or 1)


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
