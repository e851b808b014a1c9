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

#: Words of providers that decide the class whatever the status is. The first match counts.
_BY_WORD: tuple[tuple[re.Pattern[str], type[e.LLMKitError]], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (
            r"context_length|context window|exceed_context_size|prompt is too long|maximum context"
            r"|context length|input token count .* exceeds|too many input tokens",
            e.ContextLengthError,
        ),
        (
            r"insufficient_quota|insufficient_credits|billing|spend_limit|credit balance|payment_required"
            r"|insufficient balance|quota_exceeded|exceeded your current quota",
            e.QuotaError,
        ),
        (r"invalid_api_key|authentication|unauthenticated|api key not valid|api_key_invalid", e.AuthError),
        (r"rate_?limit|resource_exhausted|too_many_requests|throttl", e.RateLimited),
        (r"overloaded|unavailable|capacity", e.Overloaded),
        (r"permission|forbidden", e.PermissionDenied),
        (r"model_not_found|not_found|does not exist", e.ModelNotFound),
        (r"request_too_large", e.RequestTooLarge),
        (r"content_filter|content_policy|responsibleai", e.RefusedContent),
        (r"invalid_request|invalid_argument|bad_request|failed_precondition|validation", e.BadRequestError),
        (r"api_error|server_error|internal|timeout|deadline_exceeded", e.ServerError),
    )
)
_BY_STATUS: Mapping[int, type[e.LLMKitError]] = {
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
    503: e.Overloaded,
    529: e.Overloaded,
}
#: Statuses under which a provider's word may say something more exact.
_REFINED = {400: (e.ContextLengthError, e.AuthError, e.QuotaError, e.RefusedContent), 403: (e.QuotaError,)}
_REFINED[413] = (e.ContextLengthError,)
_REFINED[422] = (e.ContextLengthError,)
_REFINED[429] = (e.QuotaError, e.Overloaded)
_HINTS: Mapping[type[e.LLMKitError], str] = {
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
_TITLES = {
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
}
_TOKENS = re.compile(r"(\d[\d,]{2,})")


def from_response(status: int, headers: Mapping[str, str], body: bytes) -> e.LLMKitError:
    """The error that an HTTP answer with an error status means."""
    headers = h.lower(headers)
    if 300 <= status < 400:
        kind: type[e.LLMKitError] = e.RedirectRefused
        detail: dict[str, Any] = {"message": f"to {_host(headers.get('location', ''))}"}
    else:
        detail = parse(body)
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
    status = detail["code"] if isinstance(detail.get("code"), int) else None
    kind = e.MidStreamError if started else classify(status, detail)
    return build(kind, detail, status=status, request_id=request_id)


def classify(status: int | None, detail: Mapping[str, Any]) -> type[e.LLMKitError]:
    """The class, from the status first, refined or replaced by the provider's words."""
    words = " ".join(str(detail.get(k) or "") for k in ("type", "code", "status", "message")).lower()
    said = next((kind for pattern, kind in _BY_WORD if pattern.search(words)), None)
    if status is None or status < 300:
        return said or e.ServerError
    kind = _BY_STATUS.get(status) or (e.ServerError if status >= 500 else e.BadRequestError)
    if said in _REFINED.get(status, ()):
        return said or kind
    return kind


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
    title = _TITLES.get(kind, "The provider broke off the answer" if kind is e.MidStreamError else "")
    more: dict[str, Any] = {}
    if kind is e.ContextLengthError and (
        sizes := [int(n.replace(",", "")) for n in _TOKENS.findall(message)]
    ):
        more = {"limit": min(sizes), "asked": max(sizes) if len(sizes) > 1 else None}
    code = detail.get("type") or detail.get("code") or detail.get("status")
    return kind(
        (title or kind.__doc__ or kind.__name__) + (f" ({status})." if status else "."),
        why=message,
        hint=_HINTS.get(kind, ""),
        status=status,
        code=None if code is None else str(code),
        request_id=request_id,
        retry_after=retry_after,
        should_retry=should_retry,
        raw=detail.get("raw"),
        **more,
    )


def parse(body: bytes) -> dict[str, Any]:
    """What an error body says, whether it is JSON or a page of HTML: message, type, code."""
    text = body.decode("utf-8", "replace").strip()
    for line in (text, *(ln.removeprefix("data:") for ln in text.splitlines() if ln.startswith("data:"))):
        try:
            return read_error_object(json.loads(line))
        except ValueError:
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
        "type": inner.get("type") or metadata.get("error_type"),
        "code": inner.get("code", value.get("code")),
        "status": inner.get("status") if isinstance(inner.get("status"), str) else None,
        "request_id": value.get("request_id"),
        "details": inner.get("details"),
        "raw": value,
    }


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
