"""Parameters that a model does not take, refused as the real servers refuse them: by the model's name, and by
the fault ``refuse=NAME``. What is wrong with a value is found in each wire's own file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmkit.sim.exchange import Reject, Wire

_SAMPLING = ("temperature", "topP", "topK")
#: OpenAI's models that reason, and Google's that set the sampling themselves.
_REASONS = re.compile(r"(^|/)(o\d|gpt-[5-9])")
_SETS_ITSELF = re.compile(r"gemini-3\.([6-9]|5-flash-lite)")


def refused(wire: Wire, name: str, body: Mapping[str, Any], fault: str = "") -> Reject | None:
    """The refusal that this body meets, if it holds something that the model does not take."""
    for parameter in filter(None, fault.split("+")):
        if (found := _find(body, parameter)) is not None:
            return _no(wire, found, body)
    match wire:
        case "openai.chat" if _REASONS.search(name):
            if "max_tokens" in body:
                return Reject(
                    400,
                    "Unsupported parameter: 'max_tokens' is not supported with this model. "
                    "Use 'max_completion_tokens' instead.",
                    kind="invalid_request_error",
                    code="unsupported_parameter",
                    param="max_tokens",
                )
            return _only_default(body, str(body.get("reasoning_effort")))
        case "openai.responses" if _REASONS.search(name):
            reasoning = body.get("reasoning")
            return _only_default(body, str(reasoning.get("effort")) if isinstance(reasoning, dict) else "")
        case "gemini.generate" if _SETS_ITSELF.search(name):
            found = next((p for p in _SAMPLING if _find(body, p)), None)
            return None if found is None else _no(wire, found, body)
        case _:
            return None


def _only_default(body: Mapping[str, Any], effort: str) -> Reject | None:
    if effort == "none":
        return None
    for parameter in ("temperature", "top_p"):
        if body.get(parameter) not in (None, 1):
            return Reject(
                400,
                f"Unsupported value: '{parameter}' does not support {body[parameter]} with this model. "
                "Only the default (1) value is supported.",
                kind="invalid_request_error",
                code="unsupported_value",
                param=parameter,
            )
    return None


def _no(wire: Wire, parameter: str, body: Mapping[str, Any]) -> Reject:
    match wire:
        case "anthropic.messages":
            return Reject(400, f"{parameter}: Extra inputs are not permitted")
        case "gemini.generate":
            return Reject(
                400, f"{_snake(parameter)} is not supported by the model {body.get('model', '')}.".strip()
            )
        case _:
            return Reject(
                400,
                f"Unsupported parameter: '{parameter}' is not supported with this model.",
                kind="invalid_request_error",
                code="unsupported_parameter",
                param=parameter,
            )


def _find(body: Mapping[str, Any], name: str) -> str | None:
    """The parameter as this body spells it, where it holds it."""
    config = body.get("generationConfig")
    for place in (body, config if isinstance(config, dict) else {}):
        for spelt in (name, camel_case(name)):
            if spelt in place:
                return spelt
    head, dot, inner = name.partition(".")
    nested = body.get(head)
    return name if dot and isinstance(nested, dict) and inner in nested else None


def camel_case(name: str) -> str:
    """A field's name as Gemini's API spells it.

    >>> camel_case("max_output_tokens")
    'maxOutputTokens'
    """
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def camel_keys(value: Any) -> dict[str, Any]:
    """A message of protocol buffers with its fields as the API spells them, however they were written."""
    return {camel_case(name): part for name, part in value.items()} if isinstance(value, dict) else {}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
