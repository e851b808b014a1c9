"""Which wire, dialect and operation a path means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, unquote

from llmkit.sim.dialects import DIALECTS, OPENAI, Dialect
from llmkit.sim.exchange import Wire

Operation = Literal["generate", "count", "models", "key"]
_PATH = re.compile(
    r"^(?:/(?P<dialect>" + "|".join(DIALECTS) + r"))?(?P<middle>(?:/openai|/api|/compatible)?)"
    r"(?P<version>(?:/v1beta|/v1alpha|/v1)?)/(?P<rest>.+)$"
)

#: Paths that name more than the others and mean the same: Azure's deployments, Vertex's projects.
_DETOURS = re.compile(
    r"^(/azure)?(?:/openai/deployments/[^/]+/(?=chat/)"
    r"|/v1(?:beta1)?/(?:projects/[^/]+/locations/[^/]+/)?publishers/google/)"
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    wire: Wire
    operation: Operation
    dialect: Dialect = OPENAI
    model: str = ""  # where the path names it
    stream: bool = False  # where the path says it
    sse: bool = True  # Gemini without alt=sse streams a JSON array


def route(path: str, query: str, headers: Mapping[str, str]) -> Route | None:
    """The route of a path, or ``None`` where no provider has such a path.

    >>> route("/groq/v1/chat/completions", "", {}).dialect.name
    'groq'
    >>> route("/v1beta/models/sim/swift:streamGenerateContent", "alt=sse", {}).model
    'sim/swift'
    """
    match = _PATH.match(_DETOURS.sub(r"\1/v1/", unquote(path)))
    if match is None or not (match["version"] or match["dialect"]):
        return None
    dialect = DIALECTS[match["dialect"]] if match["dialect"] else OPENAI
    rest = match["rest"].rstrip("/")
    fixed: Mapping[str, Route] = {
        "messages": Route("anthropic.messages", "generate", dialect),
        "messages/count_tokens": Route("anthropic.messages", "count", dialect),
        "chat/completions": Route("openai.chat", "generate", dialect),
        "responses": Route("openai.responses", "generate", dialect),
        "responses/input_tokens": Route("openai.responses", "count", dialect),
    }
    if rest in fixed:
        return fixed[rest]
    if rest == "key" and dialect.name == "openrouter":
        return Route("openai.chat", "key", dialect)
    if rest == "models" or rest.startswith("models/"):
        return _models(rest.removeprefix("models").strip("/"), match["version"], query, headers, dialect)
    return None


def _models(
    rest: str, version: str, query: str, headers: Mapping[str, str], dialect: Dialect
) -> Route | None:
    model, colon, action = rest.rpartition(":")
    if colon and action in ("generateContent", "streamGenerateContent"):
        sse = parse_qs(query).get("alt") == ["sse"]
        return Route("gemini.generate", "generate", dialect, model, action.startswith("stream"), sse)
    if colon and action == "countTokens":
        return Route("gemini.generate", "count", dialect, model)
    wire: Wire = "openai.chat"
    if dialect is not OPENAI:
        pass
    elif "anthropic-version" in headers:
        wire = "anthropic.messages"
    elif version != "/v1" or "x-goog-api-key" in headers:
        wire = "gemini.generate"
    return Route(wire, "models", dialect, rest)
