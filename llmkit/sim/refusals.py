"""Answers that are errors: statuses, Retry-After, redirects and pages, in each wire's shape."""

from __future__ import annotations

import time
from email.utils import formatdate

from llmkit.sim import anthropic, gemini, openai_chat
from llmkit.sim.dialects import OPENAI, Dialect
from llmkit.sim.exchange import Reject, Wire
from llmkit.sim.faults import Faults
from llmkit.sim.frames import dumps

_SAYINGS = {
    400: "The simulator was told to call this a bad request.",
    401: "Incorrect API key provided.",
    402: "Your account has no credit left.",
    403: "You are not allowed to use this model.",
    404: "No such thing here.",
    408: "The request timed out.",
    409: "The request conflicts with another one.",
    413: "The request is too large.",
    429: "Rate limit reached. Please try again later.",
    500: "The server had an error while processing your request.",
    503: "The service is temporarily unavailable.",
    504: "The upstream server did not answer in time.",
    529: "Overloaded",
}
_PAGE = (
    "<!doctype html><html><head><title>{status}</title><style>body{{font-family:serif}}</style></head>"
    "<body><h1>{status} {words}</h1><hr><center>simulated-gateway/1.0</center></body></html>"
)

_QUOTA = Reject(
    429,
    "You exceeded your current quota, please check your plan and billing details.",
    kind="insufficient_quota",
    code="insufficient_quota",
)

Refusal = tuple[int, list[tuple[str, str]], bytes]


def written(wire: Wire, reject: Reject, dialect: Dialect = OPENAI) -> Refusal:
    """A rejected request, as this wire says it."""
    status, message, kind, code, param = (
        reject.status,
        reject.message,
        reject.kind,
        reject.code,
        reject.param,
    )
    match wire:
        case "anthropic.messages":
            body = anthropic.error(status, message, kind)
        case "gemini.generate":
            body = gemini.error(status, message, "", code)
        case _:
            body = openai_chat.error(status, message, kind, code, param, dialect)
    headers = [("content-type", "application/json")]
    if wire == "anthropic.messages" and status < 500 and status not in (408, 409, 429):
        headers.append(("x-should-retry", "false"))
    return status, headers, dumps(body).encode()


def no_such_model(wire: Wire, name: str) -> Reject:
    """404, in this wire's words."""
    match wire:
        case "anthropic.messages":
            return Reject(404, f"model: {name}")
        case "gemini.generate":
            return Reject(
                404,
                f"models/{name} is not found for API version v1beta, or is not supported for "
                "generateContent. Call ListModels to see the list of available models and their supported "
                "methods.",
            )
        case _:
            return Reject(
                404,
                f"The model `{name}` does not exist or you do not have access to it.",
                kind="invalid_request_error",
                code="model_not_found",
            )


def bad_key(wire: Wire) -> Reject:
    """The key is refused: 401, but 400 on Gemini, as there."""
    match wire:
        case "anthropic.messages":
            return Reject(401, "invalid x-api-key")
        case "gemini.generate":
            return Reject(400, "API key not valid. Please pass a valid API key.", code="API_KEY_INVALID")
        case _:
            return Reject(401, "Incorrect API key provided.", code="invalid_api_key")


def too_long(wire: Wire, asked: int, limit: int) -> Reject:
    """The prompt doesn't fit the context window."""
    match wire:
        case "anthropic.messages":
            return Reject(400, f"prompt is too long: {asked} tokens > {limit} maximum")
        case "gemini.generate":
            return Reject(
                400,
                f"The input token count ({asked}) exceeds the maximum number of tokens allowed ({limit}).",
            )
        case "openai.responses":
            return Reject(
                400,
                "Your input exceeds the context window of this model. Please adjust your input and try again.",
                kind="invalid_request_error",
                code="context_length_exceeded",
                param="input",
            )
        case _:
            return Reject(
                400,
                f"This model's maximum context length is {limit} tokens. However, your messages resulted in "
                f"{asked} tokens. Please reduce the length of the messages.",
                kind="invalid_request_error",
                code="context_length_exceeded",
                param="messages",
            )


def faulted(wire: Wire, dialect: Dialect, faults: Faults, failing: bool) -> Refusal | None:
    """The refusal that the faults ask for, if they do. ``failing``: ``fails`` isn't used up yet."""
    refusal = _asked_for(wire, dialect, faults, failing)
    if refusal is None:
        return None
    status, headers, body = refusal
    if "retry-after" in faults:
        headers = [*headers, _retry_after(faults.items["retry-after"])]
    if "should-retry" in faults:
        headers = [h for h in headers if h[0] != "x-should-retry"]
        headers.append(("x-should-retry", faults.items["should-retry"]))
    return status, headers, body


def _asked_for(wire: Wire, dialect: Dialect, faults: Faults, failing: bool) -> Refusal | None:
    if failing:
        return _plain(wire, dialect, int(faults.number("fails")))
    if "status" in faults:
        return _plain(wire, dialect, int(faults.number("status")))
    if "quota" in faults:
        return written(wire, _QUOTA, dialect)
    if "credit" in faults:
        return _plain(wire, dialect, 402)
    if "context" in faults:
        return written(wire, too_long(wire, 250_000, 200_000), dialect)
    if "page" in faults:
        status = int(faults.number("page"))
        page = _PAGE.format(status=status, words="Bad Gateway" if status >= 500 else "Please log in")
        return status, [("content-type", "text/html; charset=utf-8")], page.encode()
    if "redirect" in faults:
        code, _, url = faults.items["redirect"].partition(":")
        return int(code), [("location", url or "http://elsewhere.invalid/v1/")], b""
    if "retry-after" in faults and "fails" not in faults:
        return _plain(wire, dialect, 429)
    return None


def _plain(wire: Wire, dialect: Dialect, status: int) -> Refusal:
    return written(wire, Reject(status, _SAYINGS.get(status, f"Simulated status {status}.")), dialect)


def _retry_after(value: str) -> tuple[str, str]:
    if value.endswith("ms"):
        return "retry-after-ms", value.removesuffix("ms")
    if value.startswith("date"):
        ahead = value.partition(":")[2]
        return "retry-after", formatdate(time.time() + float(ahead or 30), usegmt=True)
    if value == "past":
        return "retry-after", formatdate(time.time() - 3600, usegmt=True)
    return "retry-after", value
