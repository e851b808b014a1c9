"""OpenTelemetry metrics for every attempt: tokens, seconds, dollars. Optional: ``pip install "llmkit[otel]"``.

Names and units are those of the ``gen_ai`` conventions where these have one. Built on the hooks alone, like the
spans of ``telemetry.py``; where the figures go is the user's own OpenTelemetry set-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llmkit.core.errors import LLMKitError, MissingPackage
from llmkit.core.reply import Reply
from llmkit.engine.hooks import Happening, Unsubscribe
from llmkit.engine.telemetry import provider_name

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider

    from llmkit.engine.session import Session


def measure(session: Session | None = None, *, meter_provider: MeterProvider | None = None) -> Unsubscribe:
    """Measure every attempt of that session (the default one's). The result is a function that ends it.

    ``gen_ai.client.token.usage``, ``gen_ai.client.operation.duration`` and ``….time_to_first_chunk`` are histograms;
    ``llmkit.cost`` and ``llmkit.attempts`` are counters, and ``llmkit.unpriced`` counts what has no known cost.

    >>> stop = measure()  # doctest: +SKIP
    """
    try:
        from opentelemetry import metrics as api
    except ImportError:
        raise MissingPackage(
            "OpenTelemetry is not installed.",
            why="Metrics are made with its API.",
            hint='Install it: `pip install "llmkit[otel]"`.',
        ) from None
    if session is None:
        from llmkit.engine.session import default_session

        session = default_session()
    gauges = Measures(api.get_meter("llmkit", meter_provider=meter_provider))
    forget = (session.on_reply(gauges.answered), session.on_error(gauges.failed))

    def stop() -> None:
        for each in forget:
            each()

    return stop


class Measures:
    """The instruments. All of it happens on the I/O thread."""

    def __init__(self, meter: Meter) -> None:
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage", unit="{token}", description="Tokens used, input and output."
        )
        self._seconds = meter.create_histogram(
            "gen_ai.client.operation.duration", unit="s", description="How long attempts took."
        )
        self._first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            unit="s",
            description="How long the first token took.",
        )
        self._cost = meter.create_counter(
            "llmkit.cost", unit="{currency}", description="What attempts cost, where that is known."
        )
        self._attempts = meter.create_counter(
            "llmkit.attempts", unit="{attempt}", description="Attempts, by how they ended."
        )
        self._unpriced = meter.create_counter(
            "llmkit.unpriced", unit="{attempt}", description="Attempts whose cost is unknown."
        )

    def answered(self, news: Happening, reply: Reply) -> None:
        """It ended well. A replay is counted, and used nothing."""
        labels = _labels(news, reply)
        if news.source != "provider":
            self._attempts.add(1, labels | {"llmkit.status": "cached"})
            return
        self._attempts.add(1, labels | {"llmkit.status": "ok"})
        self._used(reply, labels)

    def failed(self, news: Happening, error: LLMKitError) -> None:
        """It failed; what came before that was used all the same."""
        labels = _labels(news, error.partial) | {"error.type": type(error).__name__}
        self._attempts.add(1, labels | {"llmkit.status": error.kind})
        if news.source == "provider" and error.partial is not None:
            self._used(error.partial, labels)

    def _used(self, reply: Reply, labels: dict[str, Any]) -> None:
        usage, timing = reply.usage, reply.timing
        for kind, count in (("input", usage.total_input), ("output", usage.output)):
            if count is not None:
                self._tokens.record(count, labels | {"gen_ai.token.type": kind})
        if timing.duration is not None:
            self._seconds.record(timing.duration, labels)
        if timing.ttft is not None:
            self._first.record(timing.ttft, labels)
        if reply.cost.amount is None:
            self._unpriced.add(1, labels)
        else:
            self._cost.add(float(reply.cost.amount), labels | {"llmkit.currency": reply.cost.currency})


def _labels(news: Happening, reply: Reply | None) -> dict[str, Any]:
    """Few, and of few values each: no ids, no cells, no prompts."""
    found = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider_name(news.provider),
        "gen_ai.request.model": news.model,
        "llmkit.simulated": news.simulated or (reply is not None and reply.simulated),
        "llmkit.tag": news.tag,
    }
    return {name: value for name, value in found.items() if value is not None}
