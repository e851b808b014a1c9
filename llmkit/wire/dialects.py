"""What servers that speak OpenAI's wires do differently, as data: one value for each, no code.

The readers are tolerant on their own (they look for reasoning, usage and errors in all the places
where some server puts them), so an unknown server works with :data:`TOLERANT`. A field exists only
where a server can't be told apart by its answer, or must be asked differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

#: How a server is asked to think more or less: which field of the body, in which shape.
#:
#: * ``effort``     ``reasoning_effort: word``
#: * ``reasoning``  ``reasoning: {effort: word}`` or ``{max_tokens: n}``, off is ``{enabled: false}``
#: * ``thinking``   ``thinking: {type: enabled | disabled}``, and ``reasoning_effort`` if there are words
#: * ``enable``     ``enable_thinking: bool`` and ``thinking_budget``
#: * ``template``   ``chat_template_kwargs: {enable_thinking: bool}``, and ``reasoning_effort``
#: * ``none``       it can't be asked
ThinkStyle = Literal["effort", "reasoning", "thinking", "enable", "template", "none"]

_WORDS: Mapping[str, str] = {"off": "none", "low": "low", "medium": "medium", "high": "high", "max": "xhigh"}
_PLAIN_WORDS: Mapping[str, str] = {**_WORDS, "max": "high"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one server speaks.

    >>> get("mistral").seed
    'random_seed'
    """

    name: str

    # -- reading ------------------------------------------------------------------------------

    #: Ends whole answers by closing the connection, with no other sign. Off for every server known
    #: here: with it on, an answer that was cut off can't be told from a whole one.
    eof_is_ok: bool = False
    #: Fields of a message that hold its reasoning; the first that has text counts.
    reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
    #: Counts reasoning beside the output, not in it. (Where a total is given, the total decides.)
    reasoning_outside_output: bool = False
    #: What the server says the call cost: the path below ``usage``, and that unit in US dollars.
    cost: tuple[tuple[str, Decimal], ...] = ()

    # -- writing, chat ------------------------------------------------------------------------

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    seed: Literal["seed", "random_seed"] = "seed"
    #: Takes ``stream_options: {include_usage: true}``.
    stream_usage: bool = True
    #: The word for "use some tool".
    any_tool: Literal["required", "any"] = "required"
    #: Structured answers by JSON schema, or only "some JSON", with the schema told in words.
    schema: Literal["json_schema", "json_object"] = "json_schema"
    think: ThinkStyle = "effort"
    efforts: Mapping[str, str] = field(default_factory=lambda: _PLAIN_WORDS, hash=False)
    #: The field in which reasoning goes back in turns that used tools; ``None``: it doesn't go back.
    thinking_back: Literal["reasoning_content", "reasoning", "content"] | None = None
    #: Takes its own ``reasoning_details`` and pictures back on the assistant's message.
    details_back: bool = False
    #: Fetches files by URL.
    file_urls: bool = False
    #: Puts thought signatures on tool calls and wants them back (Gemini's servers).
    call_signatures: bool = False

    # -- writing, responses -------------------------------------------------------------------

    #: Knows ``include: ["reasoning.encrypted_content"]``.
    encrypted_reasoning: bool = False
    #: Knows ``reasoning: {summary: "auto"}``.
    summaries: bool = False
    #: Takes back reasoning that isn't encrypted, as text.
    open_reasoning: bool = False
    #: Reads a schema where chat completions have it, not (only) where the Responses API has.
    chat_schema: bool = False


_DOLLAR = Decimal(1)
_TICK = Decimal("1e-10")
_USAGE_COST = (("cost", _DOLLAR),)
_TICKS = (("cost_in_usd_ticks", _TICK),)
_ON_OR_OFF: Mapping[str, str] = {
    "off": "none",
    "low": "high",
    "medium": "high",
    "high": "high",
    "max": "high",
}

#: For a server that nobody told us about.
TOLERANT = Dialect(
    "openai-compatible",
    cost=(*_USAGE_COST, *_TICKS),
    open_reasoning=True,
)

_ALL = (
    Dialect(
        "openai",
        max_tokens="max_completion_tokens",
        efforts=_WORDS,
        encrypted_reasoning=True,
        summaries=True,
    ),
    Dialect(
        "azure",
        max_tokens="max_completion_tokens",
        efforts=_WORDS,
        encrypted_reasoning=True,
        summaries=True,
    ),
    Dialect("azure-ai", cost=_TICKS, encrypted_reasoning=True),
    Dialect("alibaba", think="enable", thinking_back="reasoning_content"),
    Dialect("avian", cost=_USAGE_COST),
    Dialect("bedrock-mantle", encrypted_reasoning=True, open_reasoning=True),
    Dialect("cerebras", max_tokens="max_completion_tokens"),
    Dialect("cloudflare"),
    Dialect("cohere", efforts=_ON_OR_OFF),
    Dialect("crusoe", open_reasoning=True),
    Dialect("databricks"),
    Dialect(
        "deepseek",
        think="thinking",
        efforts={"low": "high", "medium": "high", "high": "high", "max": "max"},
        thinking_back="reasoning_content",
        schema="json_object",
        open_reasoning=True,
    ),
    Dialect("fireworks", thinking_back="reasoning_content", open_reasoning=True),
    Dialect("gemini", call_signatures=True),
    Dialect("github", efforts=_WORDS),
    Dialect("gpustack", think="template", open_reasoning=True),
    Dialect("groq", max_tokens="max_completion_tokens", thinking_back="reasoning"),
    Dialect("huggingface", open_reasoning=True),
    Dialect("litellm-proxy", cost=_USAGE_COST, efforts=_WORDS),
    Dialect(
        "llamacpp",
        think="template",
        thinking_back="reasoning_content",
        open_reasoning=True,
        chat_schema=True,
    ),
    Dialect("lmstudio", open_reasoning=True),
    Dialect("local", think="none"),
    # Mistral streams usage unasked, and refuses fields that it doesn't know.
    Dialect(
        "mistral",
        seed="random_seed",
        any_tool="any",
        stream_usage=False,
        efforts=_ON_OR_OFF,
        thinking_back="content",
    ),
    Dialect("moonshotai", think="thinking", efforts={}, thinking_back="reasoning_content"),
    Dialect("nebius"),
    Dialect("ollama", thinking_back="reasoning", open_reasoning=True),
    Dialect(
        "openrouter",
        think="reasoning",
        efforts=_WORDS,
        cost=_USAGE_COST,
        thinking_back="reasoning",
        details_back=True,
        file_urls=True,
        encrypted_reasoning=True,
        summaries=True,
        open_reasoning=True,
    ),
    Dialect("perplexity", cost=(("cost.total_cost", _DOLLAR), ("cost", _DOLLAR))),
    Dialect(
        "pydantic-gateway",
        max_tokens="max_completion_tokens",
        efforts=_WORDS,
        cost=(("pydantic_ai_gateway.cost_estimate", _DOLLAR),),
        encrypted_reasoning=True,
        summaries=True,
    ),
    Dialect("sambanova"),
    Dialect("snowflake", max_tokens="max_completion_tokens", think="reasoning", details_back=True),
    Dialect("together"),
    Dialect(
        "vercel-gateway",
        think="reasoning",
        efforts=_WORDS,
        cost=_USAGE_COST,
        thinking_back="reasoning",
        details_back=True,
        encrypted_reasoning=True,
    ),
    Dialect("vllm", think="template", thinking_back="reasoning", open_reasoning=True),
    Dialect("xai", reasoning_outside_output=True, cost=_TICKS, encrypted_reasoning=True),
    Dialect("zai", think="thinking", efforts={}, thinking_back="reasoning_content"),
)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in _ALL}

_ALIASES: Mapping[str, str] = {
    "azure-openai": "azure",
    "bedrock": "bedrock-mantle",
    "compatible": "openai-compatible",
    "dashscope": "alibaba",
    "gateway": "vercel-gateway",
    "github-models": "github",
    "google": "gemini",
    "grok": "xai",
    "hf": "huggingface",
    "kimi": "moonshotai",
    "litellm": "litellm-proxy",
    "llama-cpp": "llamacpp",
    "llama-server": "llamacpp",
    "lm-studio": "lmstudio",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "qwen": "alibaba",
    "sglang": "vllm",
    "togetherai": "together",
    "vercel": "vercel-gateway",
    "x-ai": "xai",
    "z-ai": "zai",
    "zhipu": "zai",
}


def names() -> tuple[str, ...]:
    """All that a dialect can be asked for by.

    >>> {"groq", "x-ai", "compatible"} <= set(names())
    True
    """
    return (*DIALECTS, *_ALIASES)


def get(who: Dialect | str | None, default: Dialect = TOLERANT) -> Dialect:
    """The dialect of that name; ``default`` for one that isn't known, or for none.

    >>> get("x-ai").name, get("some-new-server").name, get(None).name
    ('xai', 'openai-compatible', 'openai-compatible')
    """
    if isinstance(who, Dialect):
        return who
    if not who:
        return default
    name = who.strip().lower().replace("_", "-").replace(" ", "-").replace(".", "-")
    return DIALECTS.get(_ALIASES.get(name, name), default)
