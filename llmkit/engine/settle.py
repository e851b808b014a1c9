"""What an attempt amounts to: its status in the ledger, its usage, its price. No I/O."""

from __future__ import annotations

from datetime import datetime

from llmkit.core import errors as e
from llmkit.core.events import Done, Failed
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.usage import Usage
from llmkit.models.prices import cost_of
from llmkit.models.tokens import estimate_tokens
from llmkit.providers.base import Provider


def status_of(terminal: Done | Failed) -> str:
    """The word for the ledger's ``status`` column."""
    match terminal:
        case Done():
            return "ok"
        case Failed(error, _):
            match error:
                case e.Aborted() | e.DeadlineExceeded():
                    return "cancelled"
                case e.TruncatedStream() | e.MalformedStream() | e.MidStreamError() | e.IdleTimeout():
                    return "truncated"
                case _:
                    return "error"


def price(reply: Reply, request: Request, provider: Provider, started: datetime) -> Reply:
    """The reply with its usage completed by an estimate where something came but was not reported, and
    with its cost."""
    usage = reply.usage
    if reply.message.parts and (usage.output is None or not reply.complete):
        usage = estimate(reply, request)
    cost = cost_of(
        usage,
        provider=provider.name,
        model=reply.model or request.model,
        at=started,
        provider_cost=reply.raw.get("provider_cost"),
        base_url=provider.base_url,
    )
    return reply.with_(usage=usage, cost=cost)


def estimate(reply: Reply, request: Request) -> Usage:
    """Usage guessed from the text, marked as such; what the provider did report is kept."""
    said = "".join((request.system or "", *(m.text for m in request.messages)))
    made = reply.text + reply.thinking + "".join(call.arguments_json for call in reply.tool_calls)
    known = reply.usage
    output = estimate_tokens(made).value
    return Usage(
        input=known.input if known.input is not None else estimate_tokens(said).value,
        cache_read=known.cache_read,
        cache_write_5m=known.cache_write_5m,
        cache_write_1h=known.cache_write_1h,
        output=max(output, known.output or 0),
        reasoning=known.reasoning,
        service_tier=known.service_tier,
        source="estimated",
    )
