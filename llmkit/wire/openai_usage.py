"""How OpenAI's two wires count tokens and money, and how that becomes :class:`Usage`.

Both count cache reads and writes in the input, and reasoning in the output; who doesn't is caught by
the total. Reading the answer itself lives in ``openai_chat.py`` and ``openai_responses.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from llmkit.core.usage import Usage
from llmkit.wire.dialects import Dialect
from llmkit.wire.draft import Draft, count

_SERVER_TOOLS = ("server_tool_use", "server_tool_use_details", "server_side_tool_usage_details")


def settle_usage(draft: Draft, raw: Mapping[str, Any], dialect: Dialect, tier: Any = None) -> None:
    """Put a usage object of either wire into the draft: tokens, the provider's cost, what was odd."""
    given = _Counts(raw)
    prompt = given.first("prompt_tokens", "input_tokens")
    output = given.first("completion_tokens", "output_tokens")
    total = given.first("total_tokens")
    asked = given.inside("prompt_tokens_details", "input_tokens_details")
    made = given.inside("completion_tokens_details", "output_tokens_details")

    read = asked.first("cached_tokens")
    if read is None:
        read = given.first("cached_tokens", "prompt_cache_hit_tokens")
    written = asked.first("cache_write_tokens")
    long_lived = asked.inside("cache_write_tokens_details").first("ttl_12h_tokens", "ttl_12h")
    if written is None or long_lived is None or long_lived > written:
        long_lived = None
    short_lived = written if written is None else written - (long_lived or 0)
    if prompt is not None and (read or 0) + (written or 0) > prompt:
        draft.note(
            f"The provider counts {read or 0} tokens read from a cache and {written or 0} written to it, of "
            f"{prompt} sent: they overlap, so not all of them are shown."
        )
        written = short_lived = long_lived = None
        read = read if (read or 0) <= prompt else None

    reasoning = made.first("reasoning_tokens")
    if output is not None and reasoning:
        if prompt is not None and total is not None:
            beside = total == prompt + output + reasoning
        else:
            beside = dialect.reasoning_outside_output
        if beside:
            output += reasoning
        elif reasoning > output:
            draft.note(
                f"The provider counts more reasoning tokens ({reasoning}) than output tokens ({output}): "
                f"it seems to leave reasoning out of the output."
            )

    given.odd.update(asked.odd | made.odd)
    if given.odd:
        draft.note(f"The provider's usage is not to be believed, so it counts as unknown: {given.odd}")
    if prompt is None and output is None:
        return
    draft.usage = Usage(
        input=None if prompt is None else prompt - (read or 0) - (written or 0),
        cache_read=read,
        cache_write_5m=short_lived,
        cache_write_1h=long_lived,
        output=output,
        reasoning=reasoning,
        input_audio=asked.first("audio_tokens"),
        output_audio=made.first("audio_tokens"),
        input_image=asked.first("image_tokens"),
        output_image=made.first("image_tokens"),
        web_searches=given.inside(*_SERVER_TOOLS).first("web_search_requests", "web_search_calls"),
        service_tier=next((t for t in (tier, raw.get("service_tier")) if isinstance(t, str) and t), None),
        source="provider",
    )
    for path, unit in dialect.cost:
        if (cost := _money(raw, path)) is not None:
            draft.cost = cost * unit
            return


class _Counts:
    """The counts of one object; what is no count at all is remembered in ``odd``."""

    __slots__ = ("odd", "raw")

    def __init__(self, raw: Any) -> None:
        self.raw: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        self.odd: dict[str, Any] = {}

    def first(self, *names: str) -> int | None:
        for name in names:
            value = self.raw.get(name)
            if value is not None:
                number = count(value)
                if number is None:
                    self.odd[name] = value
                return number
        return None

    def inside(self, *names: str) -> _Counts:
        return _Counts(next((self.raw[name] for name in names if self.raw.get(name)), None))


def _money(raw: Mapping[str, Any], path: str) -> Decimal | None:
    value: Any = raw
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
