"""The tree of errors. What failed, whether trying again can help, and what to do.

    LLMKitError
      * ConfigError              nothing was sent: the call could not be made
          - UnknownModel · UnknownProvider · MissingKey · MissingPackage · BadRequest
          - BudgetExceeded · BadEndpoint · TapeMiss · ContextOverflow
      * ProviderError            the provider answered, and said no
          - BadRequestError · ContextLengthError · AuthError · PermissionDenied
          - ModelNotFound · RequestTooLarge · QuotaError · RateLimited
          - ConflictError · Overloaded · ServerError · RedirectRefused · RefusedContent
      * TransportError           the bytes did not arrive
          - ConnectError · TlsError · ConnectTimeout · FirstByteTimeout · IdleTimeout
      * StreamError              bytes arrived, but not a whole answer
          - TruncatedStream · MalformedStream · NotAStream · MidStreamError
      * DeadlineExceeded         the signal's time was up
      * Aborted                  the caller stopped it
      * SchemaError              the answer does not follow the schema that was asked for
          - NotJson
      * ToolError                the tools of a call came to no end
          - ToolArgumentsError · TooManyRounds
      * AllTargetsFailed         every candidate of a route failed

Every error may carry ``partial``: the Reply as far as it came. No error holds a request object,
a header or a key. How a wire's answer becomes one of these lives in ``wire/faults.py``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llmkit.core.reply import Reply

__all__ = [
    "Aborted",
    "AllTargetsFailed",
    "AuthError",
    "BadEndpoint",
    "BadRequest",
    "BadRequestError",
    "BudgetExceeded",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "ConnectTimeout",
    "ContextLengthError",
    "ContextOverflow",
    "DeadlineExceeded",
    "FirstByteTimeout",
    "IdleTimeout",
    "LLMKitError",
    "MalformedStream",
    "MidStreamError",
    "MissingKey",
    "MissingPackage",
    "ModelNotFound",
    "NotAStream",
    "NotJson",
    "Overloaded",
    "PermissionDenied",
    "ProviderError",
    "QuotaError",
    "RateLimited",
    "RedirectRefused",
    "RefusedContent",
    "RequestTooLarge",
    "SchemaError",
    "ServerError",
    "StreamError",
    "TapeMiss",
    "TlsError",
    "TooManyRounds",
    "ToolArgumentsError",
    "ToolError",
    "TransportError",
    "TruncatedStream",
    "UnknownModel",
    "UnknownProvider",
]

_CONTROLS = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


class LLMKitError(Exception):
    """The root: ``except LLMKitError`` catches whatever llmkit raises on purpose.

    >>> str(LLMKitError("The call failed.", why="It rained.", hint="Try tomorrow."))
    'The call failed.\\nIt rained.\\nTry tomorrow.'
    """

    kind: ClassVar[str] = "error"
    #: May the very same request succeed if it is sent again?
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        hint: str = "",
        provider: str | None = None,
        model: str | None = None,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
        partial: Reply | None = None,
        raw: Any = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.should_retry = should_retry
        self.partial = partial
        self.raw = raw

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.what!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.what, dict(self.__dict__)))

    def to_json(self) -> dict[str, Any]:
        """What is known of it, as plain JSON values, without ``partial`` and ``raw``."""
        plain = {
            name: value for name, value in self.__dict__.items() if name not in ("partial", "raw", "causes")
        }
        told = {name: value for name, value in plain.items() if value not in (None, "") and _is_plain(value)}
        return {"error": type(self).__name__, **told}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> LLMKitError:
        """The inverse of :meth:`to_json`; a kind this version doesn't know is a plain LLMKitError."""
        known = globals().get(plain.get("error", ""))
        kind = known if isinstance(known, type) and issubclass(known, LLMKitError) else LLMKitError
        error = kind(plain.get("what", ""))
        error.__dict__.update({name: value for name, value in plain.items() if name != "error"})
        return error

    def _render_traceback_(self) -> list[str]:
        """Three lines in a notebook instead of a wall; the whole trace stays behind ``%tb``."""
        what, *rest = self._lines()
        return [f"{type(self).__name__}: {what}", *rest]

    def _lines(self) -> list[str]:
        # A provider's words may hold what a terminal obeys (colours, titles, the clipboard): not shown.
        return [_CONTROLS.sub("", line) for line in (self.what, self.why, self.hint) if line] or [""]


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)


def _rebuild(kind: type[LLMKitError], what: str, state: dict[str, Any]) -> LLMKitError:
    error = kind.__new__(kind, what)
    Exception.__init__(error, what)
    error.__dict__.update(state)
    return error


# -- nothing was sent ---------------------------------------------------------------------------


class ConfigError(LLMKitError):
    """The call could not be made; nothing was sent and nothing was spent."""

    kind = "config"


class UnknownModel(ConfigError):
    """No provider here knows this model name."""

    kind = "unknown_model"


class UnknownProvider(ConfigError):
    """The part before the slash names no provider."""

    kind = "unknown_provider"


class MissingKey(ConfigError):
    """The provider needs an API key and none was found."""

    kind = "missing_key"


class MissingPackage(ConfigError):
    """The provider's official SDK is not installed."""

    kind = "missing_package"


class BadRequest(ConfigError):
    """The request makes no sense for this model or wire; found out before sending."""

    kind = "bad_request"


class ContextOverflow(BadRequest):
    """What is to be sent can't fit the model's window; found out before sending, and nothing was left out of it."""

    kind = "context_overflow"


class BadEndpoint(ConfigError):
    """The base URL is not one that a key may be sent to."""

    kind = "bad_endpoint"


class BudgetExceeded(ConfigError):
    """The worst case of this request does not fit the budget; it was not sent."""

    kind = "budget"


class TapeMiss(ConfigError):
    """Only recorded calls are replayed, and this one is not on the tape."""

    kind = "tape_miss"


# -- the provider said no -----------------------------------------------------------------------


class ProviderError(LLMKitError):
    """The provider answered with an error. ``retry_at`` (a UNIX time) is when it wants us back, if it said so."""

    kind = "provider"
    retry_at: float | None = None


class BadRequestError(ProviderError):
    """400, 422: the provider did not understand the request."""

    kind = "bad_request"


class ContextLengthError(BadRequestError):
    """The prompt is longer than the model's context window."""

    kind = "context_length"

    def __init__(self, what: str, *, limit: int | None = None, asked: int | None = None, **more: Any) -> None:
        super().__init__(what, **more)
        self.limit = limit
        self.asked = asked


class AuthError(ProviderError):
    """401: the key is missing, wrong or revoked."""

    kind = "auth"


class PermissionDenied(ProviderError):
    """403: the key is good, but not for this."""

    kind = "permission"


class ModelNotFound(ProviderError):
    """404: the provider has no such model (or no such path)."""

    kind = "not_found"


class RequestTooLarge(ProviderError):
    """413: the body is too big."""

    kind = "too_large"


class QuotaError(ProviderError):
    """402, or a 429 that means "no money left": trying again can't help."""

    kind = "quota"


class RefusedContent(ProviderError):
    """The provider's own filter refused the prompt outright."""

    kind = "content_filter"


class RedirectRefused(ProviderError):
    """3xx: keys and prompts don't follow redirects."""

    kind = "redirect"


class RateLimited(ProviderError):
    """429: too fast."""

    kind = "rate_limit"
    retryable = True


class ConflictError(ProviderError):
    """408, 409: the provider asks to try again."""

    kind = "conflict"
    retryable = True


class Overloaded(ProviderError):
    """503, 529: the provider has no room just now."""

    kind = "overloaded"
    retryable = True


class ServerError(ProviderError):
    """5xx: the provider broke."""

    kind = "server"
    retryable = True


# -- the bytes did not arrive -------------------------------------------------------------------


class TransportError(LLMKitError):
    """The network failed between us and the provider."""

    kind = "transport"
    retryable = True


class ConnectError(TransportError):
    """Nobody answered at that host and port; nothing was sent."""

    kind = "connect"


class TlsError(TransportError):
    """The certificate or the TLS handshake failed. Trying again changes nothing."""

    kind = "tls"
    retryable = False


class ConnectTimeout(TransportError):
    """No connection within the connect timeout; nothing was sent."""

    kind = "connect_timeout"


class FirstByteTimeout(TransportError):
    """The request went out, and nothing came back in time. It may have been billed."""

    kind = "first_byte_timeout"


class IdleTimeout(TransportError):
    """The answer began, then no token came for too long (keep-alives don't count)."""

    kind = "idle_timeout"


# -- bytes came, but not a whole answer ---------------------------------------------------------


class StreamError(LLMKitError):
    """The answer is not whole."""

    kind = "stream"


class TruncatedStream(StreamError):
    """The stream ended without any sign that the answer was complete."""

    kind = "truncated"
    retryable = True


class MalformedStream(StreamError):
    """A frame could not be read. What came before it is kept."""

    kind = "malformed"
    retryable = True


class NotAStream(StreamError):
    """The server answered 200 with something that is no answer at all (an HTML page, say)."""

    kind = "not_a_stream"


class MidStreamError(StreamError):
    """The provider sent an error after the answer had begun."""

    kind = "mid_stream"


# -- the caller's wish --------------------------------------------------------------------------


class DeadlineExceeded(LLMKitError):
    """The overall deadline passed."""

    kind = "deadline"


class Aborted(LLMKitError):
    """The caller stopped the call."""

    kind = "aborted"


class SchemaError(LLMKitError):
    """The answer does not follow the schema; it is in ``partial`` as it came."""

    kind = "schema"


class NotJson(SchemaError, ValueError):
    """The answer was read as JSON and is none; it is in ``partial`` as it came."""

    kind = "not_json"


class ToolError(LLMKitError):
    """The model asked for tools in a way that leads nowhere; what came is in ``partial``."""

    kind = "tool"


class TooManyRounds(ToolError):
    """The model still asked for tools after as many rounds as it was allowed."""

    kind = "too_many_rounds"


class ToolArgumentsError(ToolError):
    """A tool was asked for with arguments that are not valid; it was not run."""

    kind = "tool_arguments"


class AllTargetsFailed(LLMKitError):
    """Every candidate failed; ``causes`` lists why, in the order tried."""

    kind = "all_failed"

    def __init__(self, what: str, *, causes: Sequence[LLMKitError] = (), **more: Any) -> None:
        super().__init__(what, **more)
        self.causes = tuple(causes)
