"""What servers that speak an OpenAI-like wire do differently, as data. The wire files read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server's habits on the chat wire. The defaults are OpenAI's own."""

    name: str
    id_prefix: str = "chatcmpl-"
    reasoning: Literal["", "reasoning_content", "reasoning", "parts"] = ""  # where thinking text goes
    reasoning_details: bool = False
    reasoning_outside_output: bool = False  # completion_tokens leaves reasoning out; the total has it
    counts_reasoning: bool = True
    usage: Literal["own chunk", "last chunk"] = "own chunk"
    usage_unasked: bool = False  # sent though nobody set stream_options.include_usage
    x_groq: bool = False
    cost: Literal["", "usage.cost", "cost_in_usd_ticks"] = ""
    comment: str = ""  # a keep-alive comment before the first frame
    whole_arguments: bool = False  # a tool call arrives in one delta
    provider: str = ""
    native_finish: bool = False
    stop: str = "stop"
    cache_fields: Literal["details", "details+hit/miss", ""] = "details"
    index_in_calls: bool = True
    finish_null: bool = True  # "finish_reason": null on every delta
    usage_null: bool = False  # "usage": null on every delta
    obfuscation: bool = False
    fingerprint: str | None = None
    filter_frame: bool = False  # a first frame with prompt_filter_results and no choices
    errors: Literal["openai", "detail", "object", "code"] = "openai"
    needs_reasoning_back: bool = False
    own_tools: bool = False  # runs some tools itself


OPENAI = Dialect("openai", obfuscation=True, usage_null=True)

#: By the first part of the URL's path.
DIALECTS: Mapping[str, Dialect] = {
    d.name: d
    for d in (
        OPENAI,
        Dialect(
            "groq",
            own_tools=True,
            reasoning="reasoning",
            usage="last chunk",
            usage_unasked=True,
            x_groq=True,
            whole_arguments=True,
            fingerprint="fp_caa0517b29",
        ),
        Dialect(
            "xai",
            id_prefix="",
            reasoning="reasoning_content",
            reasoning_outside_output=True,
            usage_unasked=True,
            cost="cost_in_usd_ticks",
            whole_arguments=True,
            finish_null=False,
            fingerprint="fp_2a88550fb4",
        ),
        Dialect(
            "openrouter",
            own_tools=True,
            id_prefix="gen-",
            reasoning="reasoning",
            reasoning_details=True,
            usage="last chunk",
            usage_unasked=True,
            cost="usage.cost",
            comment="OPENROUTER PROCESSING",
            provider="Simulator",
            native_finish=True,
            errors="code",
        ),
        Dialect(
            "deepseek",
            id_prefix="",
            reasoning="reasoning_content",
            usage="last chunk",
            usage_unasked=True,
            comment="keep-alive",
            cache_fields="details+hit/miss",
            usage_null=True,
            fingerprint="fp_9954b31ca7_sim",
            needs_reasoning_back=True,
        ),
        Dialect(
            "mistral",
            id_prefix="",
            reasoning="parts",
            counts_reasoning=False,
            usage="last chunk",
            usage_unasked=True,
            whole_arguments=True,
            cache_fields="",
            index_in_calls=False,
            errors="detail",
        ),
        Dialect(
            "together",
            id_prefix="",
            reasoning="reasoning",
            usage="last chunk",
            usage_unasked=True,
            cache_fields="",
            stop="eos",
        ),
        Dialect("azure", filter_frame=True, usage_null=True, obfuscation=True, fingerprint="fp_5e256fa08b"),
        Dialect(
            "ollama",
            reasoning="reasoning",
            counts_reasoning=False,
            cache_fields="",
            whole_arguments=True,
            fingerprint="fp_ollama",
        ),
        Dialect("vllm", reasoning="reasoning", counts_reasoning=False, cache_fields="", errors="object"),
        Dialect("lmstudio", reasoning="reasoning_content", fingerprint="sim"),
        Dialect("llamacpp", reasoning="reasoning_content", cache_fields="", fingerprint="b6000-sim"),
        Dialect("cerebras", reasoning="reasoning", usage="last chunk", usage_unasked=True),
    )
}
