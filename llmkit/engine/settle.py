"""What an attempt amounts to: its status in the ledger, its usage, its price. No I/O."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from llmkit.core import errors as e
from llmkit.core.events import Done, Failed
from llmkit.core.reply import Reply
from llmkit.core.request import Request
from llmkit.core.usage import Cost
from llmkit.engine.recording import unlocked
from llmkit.ledger.schema import Status
from llmkit.models import catalogue
from llmkit.models.prices import Overrides, cost_of
from llmkit.models.tokens import estimate_tokens
from llmkit.providers.base import Provider
from llmkit.providers.keys import Key

#: Failures after which no model can have worked.
_NEVER_REACHED = (e.ConnectError, e.TlsError, e.ConnectTimeout, e.ConfigError)
_EMPTY = "The answer is empty."
#: What a row's note says where not a byte left; such a row is no request.
NOTHING_SENT = "nothing was sent"


def status_of(terminal: Done | Failed, *, sent: bool = True) -> Status:
    """The word for the ledger's ``status`` column."""
    match terminal:
        case Done():
            return "ok"
        case Failed(error, partial):
            match error:
                case e.Aborted() | e.DeadlineExceeded():
                    return "cancelled"
                case e.BudgetExceeded():
                    return "refused"
                case _ if not sent:
                    return "refused"
                case e.NotAStream():
                    return "error"
                case e.StreamError() | e.IdleTimeout() if partial.message.parts:
                    return "truncated"
                case _ if partial.usage.source == "unknown" and not never_billed(error):
                    return "unknown_billed"
                case e.StreamError() | e.IdleTimeout():
                    return "truncated"
                case _:
                    return "error"


def price(
    reply: Reply,
    request: Request,
    provider: Provider,
    started: datetime,
    *,
    error: e.LLMKitError | None = None,
    sent: bool = True,
    overrides: Overrides | None = None,
) -> Reply:
    """The reply with its usage completed by an estimate where something came but was not reported, and
    with its cost."""
    if error is not None and not reply.message.parts and reply.usage.source == "unknown":
        if not sent:
            return reply.with_(cost=Cost(Decimal(0), source="not-billed", note=NOTHING_SENT))
        if never_billed(error):
            return reply.with_(cost=Cost(Decimal(0), source="not-billed", note="no model worked on it"))
        return reply.with_(cost=Cost(note="it may have been billed; the provider reported nothing"))
    if error is None and not reply.message.parts and reply.refusal is None:
        notes = reply.notes if _EMPTY in reply.notes else (*reply.notes, _EMPTY)
        reply = reply.with_(notes=notes)
    reply = estimated(reply, request)
    cost = cost_of(
        reply.usage,
        provider=provider.name,
        model=reply.model or request.model,
        asked=request.model,
        at=started,
        provider_cost=reply.raw.get("provider_cost"),
        base_url=provider.base_url,
        overrides=overrides,
    )
    return reply.with_(cost=cost)


def advise(error: e.LLMKitError, request: Request, provider: Provider) -> None:
    """Add to an error what the wire can't know: which key it was, which names are near."""
    match error:
        case e.AuthError():
            key = getattr(provider, "key", None)
            names = " or ".join(key.env) if isinstance(key, Key) and key.env else "`api_key` in the config"
            error.hint = (
                f"Check the key of {provider.name} ({names}): `llmkit doctor` says where it was found."
            )
        case e.ModelNotFound() if near := catalogue.nearest(request.model):
            error.why = f"{error.why} Did you mean {' or '.join(near)}?".strip()


def never_billed(error: e.LLMKitError) -> bool:
    """Is it sure that no model worked on it?"""
    if isinstance(error, _NEVER_REACHED):
        return True
    if isinstance(error, e.ProviderError) and not isinstance(error, e.ServerError):
        return error.status != 408  # it gave up waiting, perhaps for a model that was at work
    return False


def unlock(error: e.LLMKitError, partial: Reply) -> Reply:
    """Mask every known key in an error and its partial reply, which becomes the error's: a provider may
    quote a key in its words, its codes and its headers."""
    for name, value in list(vars(error).items()):
        if isinstance(value, str | dict | list):
            setattr(error, name, unlocked(value))
    error.args = (error.what,)
    error.partial = partial = partial.with_(
        id=unlocked(partial.id), request_id=unlocked(partial.request_id), raw=unlocked(partial.raw)
    )
    return partial


def estimated(reply: Reply, request: Request) -> Reply:
    """The reply with usage guessed from its text where the provider reported none, and marked as such;
    what the provider did report is kept."""
    known = reply.usage
    if reply.complete and known.input is not None and known.output is not None:
        return reply
    if not reply.message.parts and known.source == "unknown":
        return reply
    made = reply.text + reply.thinking + "".join(call.arguments_json for call in reply.tool_calls)
    said = "".join((request.system or "", *(message.text for message in request.messages)))
    usage = replace(
        known,
        input=known.input if known.input is not None else estimate_tokens(said).value,
        output=max(estimate_tokens(made).value, known.output or 0),
        source="estimated",
    )
    return reply.with_(usage=usage)
