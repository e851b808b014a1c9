"""Write llmkit/models/catalogue.json: the models worth completing and checking, and what is known of each.

Names and shutdown dates come from the model lists inside the installed SDKs, context windows from
genai-prices; ``--limits`` adds what litellm's ``model_prices_and_context_window_backup.json`` (MIT) knows of
output limits, sampling, vision and thinking. What is newer than that table is written down here, from the
vendors' own pages (``TOLD``). Run it after raising the version of any of them:

    python scripts/make_catalogue.py --limits path/to/model_prices_and_context_window_backup.json
"""

from __future__ import annotations

import argparse
import datetime as dt
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

TARGET = Path(__file__).resolve().parent.parent / "llmkit" / "models" / "catalogue.json"
PRICE_LISTS = {"xai": "x-ai", "groq": "groq", "deepseek": "deepseek", "mistral": "mistral"}
LIMIT_PREFIX = {"anthropic": "", "openai": ""}
NOT_FOR_TEXT = re.compile(
    r"embed|moderation|whisper|tts|transcri|realtime|image|audio|speech|orpheus|guard|ocr|voice|vision-preview"
    r"|omni|lyria|robotics|live|computer-use|banana|translate|instruct-|text-davinci|:free|voxtral|search-preview"
)
# Gone before the SDKs began to list dates; the day where it is known.
GONE: Mapping[str, str | None] = {
    "openai/gpt-5.1-mini": None,  # never was one, says the SDK
    "openai/gpt-4-vision-preview": None,
    "openai/text-davinci-003": None,
    "anthropic/claude-2": None,
    "anthropic/claude-3-5-sonnet-20240620": "2025-10-28",
    "anthropic/claude-3-5-sonnet-20241022": "2025-10-28",
    "anthropic/claude-3-5-sonnet-latest": "2025-10-28",
    "anthropic/claude-3-haiku-20240307": None,
    "anthropic/claude-3-opus-latest": "2026-01-05",
    "gemini/gemini-1.0-pro": None,
    "gemini/gemini-1.5-flash": None,
    "gemini/gemini-1.5-pro": None,
    "gemini/gemini-2.0-flash": None,
    "gemini/gemini-2.0-flash-lite": None,
    "gemini/gemini-pro": None,
    "gemini/gemini-pro-vision": None,
    "xai/grok-2": None,
    "xai/grok-beta": None,
}
# Old, and nobody says when they end.
OLD = frozenset({"openai/gpt-4-0314", "openai/gpt-4-0125-preview", "openai/gpt-4-turbo-preview"})
# Of these providers litellm's table drops what is no longer served.
COMPLETE_LIMITS = frozenset({"deepseek", "groq", "xai"})
# Models that are newer than litellm's table, as their vendors' own pages describe them (platform.claude.com: "What's new in
# Claude Fable 5.2"; developers.openai.com: "GPT-6.1 Terra"; docs.cloud.google.com: "Gemini 4 Carbon", "Gemini 4 Hydrogen"). What a
# page doesn't say is left out; a line of that table, once there is one, comes first.
READ_ON = "2026-11-21"
_FABLE: Mapping[str, Any] = {
    "max_output": 128_000,
    **dict.fromkeys(("vision", "pdf", "tools", "structured"), True),
    "thinking": ["adaptive", "effort", "always"],
    "efforts": ["low", "medium", "high", "xhigh", "max"],
}
# Without continuing a long answer, which llmkit doesn't do, Gemini 4 writes so many tokens.
_GEMINI_4: Mapping[str, Any] = {
    "context": 1_048_576,
    "max_output": 65_536,
    **dict.fromkeys(("vision", "pdf", "tools", "structured"), True),
    "thinking": ["level"],
}
TOLD: Mapping[str, Mapping[str, Any]] = {
    "anthropic/claude-fable-5-2": _FABLE,
    "anthropic/claude-mythos-5-2": _FABLE,
    "gemini/gemini-4-carbon": {**_GEMINI_4, "audio": True, "efforts": ["low", "medium", "high"]},
    "gemini/gemini-4-hydrogen": {**_GEMINI_4, "efforts": ["low", "medium", "high", "xhigh"]},
    "openai/gpt-6.1-terra": {
        "max_input": 922_000,
        "max_output": 128_000,
        **dict.fromkeys(("vision", "tools", "structured"), True),
        "audio": False,
        "thinking": ["effort"],
        "efforts": ["none", "low", "medium", "high", "xhigh", "max"],
    },
}
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# What a family is for, as its vendor describes it: our own words, no measurement.
STRENGTHS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"claude-(?:.*-)?(?:opus|fable|mythos)", "reasoning coding writing agents"),
        (r"claude-(?:.*-)?sonnet", "coding writing agents"),
        (r"claude-(?:.*-)?haiku", "speed price"),
        (r"openai/gpt-[56][\d.]*-(?:astra|sol|pro)|openai/o\d(?!.*mini)", "reasoning coding agents"),
        (r"openai/gpt-[56][\d.]*-terra|openai/gpt-5[\d.]*$|openai/gpt-4(?:o|\.1)$", "coding writing"),
        (r"openai/.*-(?:luna|mini|nano)\b", "speed price"),
        (r"codex|code-fast|coder|codestral|devstral|grok-build", "coding"),
        (r"gemini-(?:4-argon|.*-pro)", "reasoning vision long-context"),
        (r"gemini-.*flash", "speed price vision long-context"),
        (r"xai/grok-4", "reasoning coding"),
        (r"deepseek-.*(?:pro|reason)", "reasoning coding price"),
        (r"deepseek-.*(?:flash|chat)", "price"),
        (r"^groq/", "speed"),
        (r"mistral-large|magistral", "reasoning writing"),
        (r"ministral|mistral-small", "speed price"),
    )
)


def names() -> Iterator[tuple[str, str]]:
    """(provider, model) as the SDKs and the price lists name them."""
    from anthropic.types.model_param import ModelParam
    from google.genai._gaos.types.interactions.model import Model
    from openai.types.shared.all_models import AllModels

    for provider, union in (("anthropic", ModelParam), ("openai", AllModels), ("gemini", Model)):
        yield from ((provider, name) for name in sorted(set(literals(union))))
    for provider, price_list in PRICE_LISTS.items():
        yield from ((provider, model.id) for model in seller(price_list).models)
    yield "mistral", "mistral-large-latest"


def literals(union: Any) -> Iterator[str]:
    """All words of a union of literals."""
    for part in get_args(union):
        if isinstance(part, str):
            yield part
        else:
            yield from literals(part)


def seller(name: str) -> Any:
    """One provider of genai-prices."""
    from genai_prices.data_snapshot import get_snapshot

    return next(provider for provider in get_snapshot().providers if provider.id == name)


def shutdowns() -> dict[str, str]:
    """The day each "provider/model" ends, as the SDKs say."""
    from anthropic.resources.messages.messages import DEPRECATED_MODELS
    from openai.types.shared import chat_model

    ends: dict[str, str] = {}
    for name, day in DEPRECATED_MODELS.items():
        plain = re.sub(r"(\d)(st|nd|rd|th)\b", r"\1", day)
        ends[f"anthropic/{name}"] = str(dt.datetime.strptime(plain, "%B %d, %Y").date())  # noqa: DTZ007
    for paragraph in inspect.getsource(chat_model).split("\n- ")[1:]:
        if found := re.search(r"shutdown date:\s+(\d{4}-\d\d-\d\d)", paragraph):
            for name in re.findall(r'"([^"]+)"', paragraph):
                ends[f"openai/{name}"] = found[1]
    return ends


def window(provider: str, model: str) -> tuple[int | None, bool]:
    """The context window and the deprecation mark of genai-prices."""
    lists = {"anthropic": "anthropic", "openai": "openai", "gemini": "google", **PRICE_LISTS}
    entry = seller(lists[provider]).find_model(model)
    return (None, False) if entry is None else (entry.context_window, bool(entry.deprecated))


def limits_of(limits: Mapping[str, Any], provider: str, model: str) -> dict[str, Any]:
    """What litellm's table says, in our words; only what it says."""
    prefix = LIMIT_PREFIX.get(provider, f"{provider}/")
    found = limits.get(prefix + model)
    if found is None:
        return {}
    facts: dict[str, Any] = {
        "max_input": found.get("max_input_tokens"),
        "max_output": found.get("max_output_tokens"),
        "vision": found.get("supports_vision"),
        "pdf": found.get("supports_pdf_input"),
        "audio": found.get("supports_audio_input"),
        "tools": found.get("supports_function_calling"),
        "parallel_tools": found.get("supports_parallel_function_calling"),
        "structured": found.get("supports_native_structured_output") or found.get("supports_response_schema"),
        "sampling": found.get("supports_sampling_params"),
        "retires": found.get("deprecation_date"),
    }
    if found.get("supports_reasoning"):
        facts["thinking"] = thinking(found, provider, model)
        if words := efforts(found, facts["thinking"]):
            facts["efforts"] = words
    elif provider in ("anthropic", "openai", "gemini"):  # elsewhere a missing mark means little
        facts["thinking"] = []
    return {name: value for name, value in facts.items() if value is not None}


def thinking(found: Mapping[str, Any], provider: str, model: str) -> list[str]:
    """How thinking is asked for: a budget of tokens, an effort, a level; "always" cannot be switched off."""
    if provider == "anthropic":
        kinds = ["adaptive", "effort"] if found.get("supports_adaptive_thinking") else ["budget"]
    elif provider == "gemini":
        kinds = ["budget"] if model.startswith("gemini-2.5") else ["level"]
    else:
        kinds = ["effort"]
    return [*kinds, "always"] if found.get("thinking_always_on") else kinds


def efforts(found: Mapping[str, Any], kinds: list[str]) -> list[str]:
    """The words for how hard to think, from the least; none where it is told in tokens."""
    if not {"effort", "level"} & set(kinds):
        return []
    more = {
        word: found.get(f"supports_{word}_reasoning_effort") for word in ("none", "minimal", "xhigh", "max")
    }
    return [word for word in EFFORTS if more.get(word, True)]


def strengths(full: str) -> list[str]:
    """What a family is good at, in our own words."""
    return sorted({word for pattern, words in STRENGTHS if pattern.search(full) for word in words.split()})


def catalogue(limits: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every model, sorted."""
    ends = shutdowns()
    models: dict[str, dict[str, Any]] = {}
    sdk_names = set(names())
    listed = {f"{p}/{m}": (p, m) for p, m in sdk_names}
    for full in [*ends, *GONE]:
        listed.setdefault(full, tuple(full.split("/", 1)))  # type: ignore[arg-type]
    for full, (provider, model) in sorted(listed.items()):
        if NOT_FOR_TEXT.search(model) and full not in GONE:
            continue
        context, deprecated = window(provider, model)
        facts = limits_of(limits, provider, model) or dict(TOLD.get(full, {}))
        if provider == "mistral" and limits and not facts:
            continue  # the price list writes the names of this provider in a way of its own
        known = bool(facts)
        if context:
            facts["context"] = max(context, facts.get("max_input", 0))
        if facts.get("max_input", 0) == facts.setdefault("context", facts.get("max_input")):
            facts.pop("max_input", None)
        if provider == "anthropic" and (provider, model) in sdk_names:
            facts["sampling"] = False  # refused since the API's version of 2026-10-21, which the SDK sends
        if words := strengths(full):
            facts["strengths"] = words
        if full in ends:
            facts["retires"] = ends[full]
        if full in GONE:
            facts |= {"retired": True} | ({"retires": GONE[full]} if GONE[full] else {})
        dropped = provider in COMPLETE_LIMITS and bool(limits) and not known
        if deprecated or dropped or full in OLD:
            facts["deprecated"] = True
        models[full] = {name: value for name, value in sorted(facts.items()) if value is not None}
    return models


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limits", type=Path, help="litellm's table of limits")
    parser.add_argument("--limits-version", default="unknown")
    parser.add_argument("--date", default=str(dt.datetime.now(dt.UTC).date()))
    args = parser.parse_args()
    limits = json.loads(args.limits.read_text()) if args.limits else {}
    sources = {name: version(name) for name in ("anthropic", "genai-prices", "google-genai", "openai")}
    if limits:
        sources["litellm (limits table, MIT, Copyright (c) 2023 Berri AI)"] = args.limits_version
    sources["the vendors' own pages, for models newer than that"] = READ_ON
    models = catalogue(limits)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in models.items())
    TARGET.write_text(
        f'{{\n "made": {json.dumps(args.date)},\n "sources": {json.dumps(sources)},\n "models": {{\n{lines}\n }}\n}}\n'
    )


if __name__ == "__main__":
    main()
