"""A provider's "no" into one of our errors: by status, then by the provider's own type or code.

Pure: no retrying here (that is the engine's), no wire is read here (that is the readers').
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from llmkit.core import errors as e
from llmkit.wire import headers as h

_Kind = type[e.LLMKitError]
_Patterns = tuple[tuple[re.Pattern[str], _Kind], ...]


def _patterns(*pairs: tuple[str, _Kind]) -> _Patterns:
    return tuple((re.compile(pattern), kind) for pattern, kind in pairs)


#: What says exactly what is wrong, whatever the status is: in types and codes, then in messages.
#: The first match counts. Messages are matched more narrowly, since they also give advice ("to raise
#: your rate limit, visit the billing page").
_EXACT_CODES = _patterns(
    (r"context_length|context_window|exceed_context_size|prompt_too_long", e.ContextLengthError),
    (
        r"insufficient_(quota|credits|balance|funds)|spend_limit|billing|payment_required|quota_exceeded"
        r"|credits?_exhausted|arrearage",
        e.QuotaError,
    ),
    (r"(invalid|incorrect|missing)_?api_?key|api_key_invalid|authentication|unauthenticated", e.AuthError),
    (r"model_?not_?(found|exist)|not_found|notfound", e.ModelNotFound),
    (r"(request|payload|entity)_too_large", e.RequestTooLarge),
    (r"content_?(filter|policy|management)|responsibleai|data_inspection_failed", e.RefusedContent),
)
_EXACT_MESSAGES = _patterns(
    (
        r"context (window|length|size|limit)|prompt is too long|maximum prompt length"
        r"|input token count .{0,40}exceeds|too many input tokens|reduce the length of the messages",
        e.ContextLengthError,
    ),
    (
        r"credit balance|insufficient (balance|credits?|funds|quota)|exceeded your current quota"
        r"|requires more credits|out of credits",
        e.QuotaError,
    ),
    (r"(invalid|incorrect) api key|api key (not valid|is invalid)|no auth credentials", e.AuthError),
    (r"\bmodel\b.{0,120}(does not exist|not found|doesn't exist)|no such model", e.ModelNotFound),
    (r"content (filter|management policy)|flagged (by|as|for)", e.RefusedContent),
)
_BROAD = _patterns(
    (r"rate.?limit|resource_exhausted|too.?many.?requests|throttl", e.RateLimited),
    (r"overloaded|unavailable|capacity", e.Overloaded),
    (r"permission|forbidden|access_?denied", e.PermissionDenied),
    (r"invalid_request|invalid_argument|bad_?request|failed_precondition|validation", e.BadRequestError),
    (r"api_error|server_?error|internal|timeout|deadline_exceeded", e.ServerError),
)
_BY_STATUS: Mapping[int, _Kind] = {
    400: e.BadRequestError,
    401: e.AuthError,
    402: e.QuotaError,
    403: e.PermissionDenied,
    404: e.ModelNotFound,
    408: e.ConflictError,
    409: e.ConflictError,
    413: e.RequestTooLarge,
    422: e.BadRequestError,
    424: e.ServerError,
    429: e.RateLimited,
    498: e.Overloaded,
    503: e.Overloaded,
    529: e.Overloaded,
}
#: Statuses under which a provider's word may say something more exact.
_REFINED: Mapping[int, tuple[_Kind, ...]] = {
    400: (
        e.ContextLengthError,
        e.AuthError,
        e.QuotaError,
        e.ModelNotFound,
        e.RequestTooLarge,
        e.RefusedContent,
    ),
    403: (e.QuotaError, e.RefusedContent, e.AuthError),
    413: (e.ContextLengthError,),
    422: (e.ContextLengthError, e.ModelNotFound),
    429: (e.QuotaError, e.Overloaded),
    500: (e.ContextLengthError,),
}
_HINTS: Mapping[_Kind, str] = {
    e.AuthError: "Check the key: `llmkit doctor` says where it was found.",
    e.QuotaError: "Add credit with the provider, or use another one: trying again won't help.",
    e.RateLimited: "Wait a little, or lower the concurrency.",
    e.Overloaded: "Try again in a moment, or use another model.",
    e.ServerError: "Try again in a moment, or use another model.",
    e.ModelNotFound: "Check the model's name with `%llm models`.",
    e.ContextLengthError: "Send less, or use a model with a larger context window.",
    e.PermissionDenied: "This key may not use this model; ask whoever owns the account.",
    e.RequestTooLarge: "Send less: fewer or smaller attachments.",
    e.RefusedContent: "The provider's filter refused the prompt; rephrase it.",
    e.RedirectRefused: "Set the base URL to the address that the server points to.",
}
_TITLES: Mapping[_Kind, str] = {
    e.BadRequestError: "The provider rejected the request",
    e.ContextLengthError: "The prompt is longer than the model's context window",
    e.AuthError: "The provider rejected the key",
    e.PermissionDenied: "The provider refused access",
    e.ModelNotFound: "The provider doesn't know this model or path",
    e.RequestTooLarge: "The request is too large",
    e.QuotaError: "The account has no quota or credit left",
    e.RefusedContent: "The provider's filter refused the prompt",
    e.RedirectRefused: "The server wants to redirect the call; keys don't follow redirects",
    e.RateLimited: "The provider's rate limit is reached",
    e.ConflictError: "The provider asks to try again",
    e.Overloaded: "The provider is overloaded",
    e.ServerError: "The provider failed",
    e.MidStreamError: "The provider broke off the answer",
}
#: How a body begins that is compressed and was not unpacked.
GZIP = b"\x1f\x8b"
#: Words that only repeat the status.
_ONLY_STATUS = re.compile(r"(?i)(?=.*\d)(error|http|status|code|[\d\s.,:;!()#-])*")
_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d+)"
#: How providers say how much room there is, and how much was asked for.
_LIMITS = tuple(
    re.compile(pattern.replace("#", _NUMBER), re.IGNORECASE)
    for pattern in (
        r"maximum (?:context|prompt) length (?:is|of) #",
        r"maximum number of tokens allowed \(?#",
        r"context (?:size|window|length|limit)(?: is| of)? \(?#",
        r"# maximum",
        r"(?:>|<=|exceeds(?: the)?(?: limit(?: of)?)?) #",
        r"limit(?: is| of|:)? #",
    )
)
_ASKED = tuple(
    re.compile(pattern.replace("#", _NUMBER), re.IGNORECASE)
    for pattern in (
        r"too long: #",
        r"requested (?:about )?#",
        r"resulted in #",
        r"(?:contains|request has|given:|you sent) #",
        r"(?:count|request|prompt) \(#",
        r"# (?:input )?tokens? (?:>|exceeds?)",
        r"# \+ \d+ >",
    )
)


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> e.LLMKitError:
    """The error that an HTTP answer with an error status means."""
    headers = h.lower(headers)
    if 300 <= status < 400:
        kind: type[e.LLMKitError] = e.RedirectRefused
        detail: dict[str, Any] = {"message": f"to {_host(headers.get('location', ''))}"}
    else:
        detail = parse(body)
        if _ONLY_STATUS.fullmatch(str(detail.get("message") or "")):
            detail["message"] = ""  # the title says it already
        kind = classify(status, detail)
    return build(
        kind,
        detail,
        status=status,
        request_id=h.request_id(headers) or detail.get("request_id"),
        retry_after=_wait(headers, detail),
        should_retry=h.should_retry(headers),
    )


def from_frame(error: Any, *, started: bool, request_id: str | None = None) -> e.LLMKitError:
    """The error that an error frame inside a stream means. Once the answer has begun it is a
    :class:`MidStreamError` whatever its type: such a call is never sent again by itself."""
    detail = read_error_object(error)
    status = _status(detail.get("code")) or _status(detail.get("status_code"))
    kind = e.MidStreamError if started else classify(status, detail)
    return build(kind, detail, status=status, request_id=request_id)


def classify(status: int | None, detail: Mapping[str, Any]) -> type[e.LLMKitError]:
    """The class, from the status first, refined or replaced by the provider's words."""
    said = _said(detail)
    if status is None or status < 300:
        return said or e.ServerError
    kind = _BY_STATUS.get(status) or (e.ServerError if status >= 500 else e.BadRequestError)
    return said if said is not None and said in _REFINED.get(status, ()) else kind


def _said(detail: Mapping[str, Any]) -> _Kind | None:
    codes = " ".join(str(detail.get(k) or "") for k in ("reason", "type", "code", "status")).lower()
    message = str(detail.get("message") or "").lower()
    if "resource_exhausted" in codes:
        # The words are the same for a minute's limit and for a day's: the details tell which it is.
        spent = "perday" in json.dumps(detail.get("details"), default=str).lower()
        return e.QuotaError if spent else e.RateLimited
    tries = ((_EXACT_CODES, codes), (_EXACT_MESSAGES, message), (_BROAD, codes), (_BROAD, message))
    return next((kind for table, text in tries for pattern, kind in table if pattern.search(text)), None)


def build(
    kind: type[e.LLMKitError],
    detail: Mapping[str, Any],
    *,
    status: int | None = None,
    request_id: str | None = None,
    retry_after: float | None = None,
    should_retry: bool | None = None,
) -> e.LLMKitError:
    """Put an error together from its class and what the provider said."""
    message = str(detail.get("message") or "").strip()
    title = _TITLES.get(kind) or kind.__doc__ or kind.__name__
    more: dict[str, Any] = {}
    if kind is e.ContextLengthError:
        more["limit"], more["asked"] = context_sizes(message, detail.get("raw"))
    # The most telling name: a cause, a code in words, a type; a bare number only where there is no word.
    names = [str(detail[k]) for k in ("reason", "code", "type", "status") if detail.get(k) is not None]
    code = next((name for name in names if not name.isdigit()), names[0] if names else None)
    return kind(
        title + (f" ({status})." if status else "."),
        why=message,
        hint=_HINTS.get(kind, ""),
        status=status,
        code=code,
        request_id=request_id,
        retry_after=retry_after,
        should_retry=should_retry,
        raw=detail.get("raw"),
        **more,
    )


def context_sizes(message: str, raw: Any = None) -> tuple[int | None, int | None]:
    """The room there is and the tokens asked for, where the provider says so.

    >>> context_sizes("prompt is too long: 210,000 tokens > 200,000 maximum")
    (200000, 210000)
    """
    inner = raw.get("error") if isinstance(raw, Mapping) else None
    told = inner if isinstance(inner, Mapping) else {}
    limit = told.get("n_ctx") if isinstance(told.get("n_ctx"), int) else _first(_LIMITS, message)
    asked = told.get("n_prompt_tokens")
    asked = asked if isinstance(asked, int) else _first(_ASKED, message)
    return limit, asked


def _first(patterns: tuple[re.Pattern[str], ...], message: str) -> int | None:
    found = next((match for pattern in patterns if (match := pattern.search(message))), None)
    return int(found[1].replace(",", "")) if found else None


def parse(body: bytes) -> dict[str, Any]:
    """What an error body says, whether it is JSON or a page of HTML: message, type, code."""
    if body.startswith(GZIP):
        return {"message": "What it said is compressed, and was not unpacked."}
    text = body.decode("utf-8", "replace").strip()
    for line in (text, *(ln.removeprefix("data:") for ln in text.splitlines() if ln.startswith("data:"))):
        try:
            return read_error_object(json.loads(line))
        except (ValueError, RecursionError):
            continue
    return {"message": plain(text), "raw": text[:2000]}


def read_error_object(value: Any) -> dict[str, Any]:
    """Message, type and code from any provider's error object."""
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, Mapping):
        return {"message": plain(str(value)), "raw": value}
    inner = value.get("error", value)
    if isinstance(inner, str):
        inner = {"message": inner, "code": value.get("code"), "type": value.get("type")}
    if not isinstance(inner, Mapping):
        inner = value
    message = inner.get("message") or inner.get("detail") or value.get("message") or value.get("detail")
    if not isinstance(message, str):
        message = json.dumps(message if message is not None else inner, ensure_ascii=False)
    metadata = inner.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return {
        "message": plain(message),
        "type": _name(inner.get("type")) or _name(metadata.get("error_type")),
        "code": _name(inner.get("code", value.get("code"))),
        "status": inner.get("status") if isinstance(inner.get("status"), str) else None,
        "status_code": inner.get("status_code"),
        "reason": _reason(inner.get("details")),
        "request_id": _name(value.get("request_id")),
        "details": inner.get("details"),
        "raw": value,
    }


def _reason(details: Any) -> str | None:
    """The exact cause, where a provider hides it in the details (Anthropic does)."""
    found = details.get("error_code") if isinstance(details, Mapping) else None
    return found if isinstance(found, str) else None


def _name(code: Any) -> str | int | None:
    """A code as it may be shown: text, or a number of a size that can be one."""
    if isinstance(code, str):
        return code
    return code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 10**9 else None


def _status(code: Any) -> int | None:
    """The HTTP status that an error frame carries as its code."""
    number = int(code) if isinstance(code, str) and re.fullmatch(r"[45]\d\d", code) else code
    return (
        number if isinstance(number, int) and not isinstance(number, bool) and 400 <= number < 600 else None
    )


def plain(text: str, limit: int = 300) -> str:
    """Words only: no tags, no scripts, at most ``limit`` characters.

    >>> plain("<html><style>x{}</style><h1>502</h1> Bad &amp; gone</html>")
    '502 Bad & gone'
    """
    if "<" in text:
        text = re.sub(r"(?is)<(style|script)\b.*?</\1\s*>", " ", text)
        text = html.unescape(re.sub(r"(?s)<[^>]*>", " ", text))
    text = re.sub(r"\s+", " ", text).strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _wait(headers: Mapping[str, str], detail: Mapping[str, Any]) -> float | None:
    if (wait := h.retry_after(headers)) is not None:
        return wait
    details = detail.get("details")
    for item in details if isinstance(details, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("retryDelay"), str):
            return h.duration(item["retryDelay"])
    return None


def _host(location: str) -> str:
    from urllib.parse import urlsplit

    return urlsplit(location).hostname or "another path"
