"""OpenTelemetry spans for every attempt, by the ``gen_ai`` conventions. Optional: ``pip install "llmkit[otel]"``.

Metrics are in ``measures.py``. Built on the hooks alone; what is exported, and where to, is the user's own OpenTelemetry set-up. Prompts and
answers are in no span unless they are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llmkit.core.errors import LLMKitError, MissingPackage
from llmkit.core.messages import Message, message_to_json
from llmkit.core.reply import Reply
from llmkit.engine.hooks import Happening, Unsubscribe
from llmkit.providers.keys import mask

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from llmkit.engine.session import Session

#: The conventions' words for providers, where they differ from ours.
_NAMES: Mapping[str, str] = {
    "gemini": "gcp.gemini",
    "xai": "x_ai",
    "mistral": "mistral_ai",
    "azure": "azure.ai.openai",
}
_OPTIONS = ("max_tokens", "temperature", "top_p", "seed")


def trace(
    session: Session | None = None,
    *,
    prompts: bool = False,
    tracer_provider: TracerProvider | None = None,
) -> Unsubscribe:
    """Make a span for every attempt of that session (the default one's), under the caller's current span.

    ``prompts=True`` puts what is asked and answered into the spans. The result is a function that ends it.

    >>> stop = trace(prompts=True)  # doctest: +SKIP
    """
    try:
        from opentelemetry import trace as api
    except ImportError:
        raise MissingPackage(
            "OpenTelemetry is not installed.",
            why="Spans are made with its API.",
            hint='Install it: `pip install "llmkit[otel]"`.',
        ) from None
    if session is None:
        from llmkit.engine.session import default_session

        session = default_session()
    spans = Spans(api.get_tracer("llmkit", tracer_provider=tracer_provider), prompts=prompts)
    forget = (
        session.on_request(spans.begin),
        session.on_reply(spans.answered),
        session.on_error(spans.failed),
    )

    def stop() -> None:
        for each in forget:
            each()

    return stop


class Spans:
    """The spans of the attempts under way. All of it happens on the I/O thread."""

    def __init__(self, tracer: Tracer, *, prompts: bool) -> None:
        self._tracer = tracer
        self._prompts = prompts
        self._open: dict[tuple[str, int], Span] = {}

    def begin(self, news: Happening) -> None:
        """An attempt begins; what is replayed calls nobody, and is no span."""
        if news.source != "provider":
            return
        from opentelemetry.trace import SpanKind

        attributes = _asked(news)
        if self._prompts:
            attributes |= _words("gen_ai.input.messages", *news.request.messages)
            if news.request.system:
                attributes["gen_ai.system_instructions"] = mask(news.request.system)
        span = self._tracer.start_span(f"chat {news.model}", kind=SpanKind.CLIENT, attributes=attributes)
        self._open[news.call, news.attempt] = span

    def answered(self, news: Happening, reply: Reply) -> None:
        """It ended well."""
        span = self._open.pop((news.call, news.attempt), None)
        if span is not None:
            self._describe(span, reply)
            span.end()

    def failed(self, news: Happening, error: LLMKitError) -> None:
        """It failed: the kind only, since a provider's words may quote the prompt."""
        from opentelemetry.trace import Status, StatusCode

        span = self._open.pop((news.call, news.attempt), None)
        if span is None:
            return
        span.set_status(Status(StatusCode.ERROR, error.kind))
        span.set_attribute("error.type", type(error).__name__)
        if error.status is not None:
            span.set_attribute("http.response.status_code", error.status)
        if error.partial is not None:
            self._describe(span, error.partial)
        span.end()

    def _describe(self, span: Span, reply: Reply) -> None:
        attributes = _answered(reply)
        if self._prompts:
            attributes |= _words("gen_ai.output.messages", reply.message)
        span.set_attributes(attributes)


def provider_name(name: str) -> str:
    """What the conventions call a provider.

    >>> provider_name("gemini"), provider_name("openai")
    ('gcp.gemini', 'openai')
    """
    return _NAMES.get(name, name)


def _asked(news: Happening) -> dict[str, Any]:
    options = news.request.options
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider_name(news.provider),
        "gen_ai.request.model": news.model,
        "gen_ai.request.stream": news.request.stream,
        "llmkit.attempt": news.attempt,
        "llmkit.call": news.call,
        "llmkit.session": news.session,
        "llmkit.tag": news.tag,
        "llmkit.notebook": news.notebook,
        "llmkit.cell": news.cell,
    }
    found |= {f"gen_ai.request.{name}": getattr(options, name) for name in _OPTIONS}
    if options.stop:
        found["gen_ai.request.stop_sequences"] = list(options.stop)
    if news.endpoint:
        address = urlsplit(news.endpoint)
        found |= {"server.address": address.hostname, "server.port": address.port}
    return {name: value for name, value in found.items() if value is not None}


def _answered(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    found: dict[str, Any] = {
        "gen_ai.response.id": reply.id,
        "gen_ai.response.model": reply.model,
        "gen_ai.response.finish_reasons": [str(reply.stop_reason)],
        "gen_ai.response.time_to_first_chunk": reply.timing.ttft,
        "gen_ai.usage.input_tokens": usage.total_input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "llmkit.cost": None if reply.cost.amount is None else float(reply.cost.amount),
        "llmkit.simulated": reply.simulated,
    }
    return {name: value for name, value in found.items() if value is not None}


def _words(name: str, *messages: Message) -> dict[str, str]:
    return {name: mask(json.dumps([message_to_json(message) for message in messages], ensure_ascii=False))}
