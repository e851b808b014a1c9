"""A provider's "no" becomes one of our errors: by status, then by the provider's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmkit.core import errors as e
from llmkit.wire import faults

OPENAI_RATE = (
    "Rate limit reached for gpt-6-luna on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. "
    "Please try again in 2s. You can increase your rate limit by adding a payment method to your account "
    "at https://platform.openai.com/account/billing."
)
GEMINI_QUOTA = "You exceeded your current quota, please check your plan and billing details."


def body(**error: Any) -> bytes:
    return json.dumps({"error": error}).encode()


def gemini(code: int, status: str, message: str, *details: dict[str, Any]) -> bytes:
    return body(code=code, status=status, message=message, details=list(details))


def anthropic(type: str, message: str, **more: Any) -> bytes:
    return json.dumps({"type": "error", "error": {"type": type, "message": message} | more}).encode()


def violation(quota: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota}]}


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "23.5s"}


@pytest.mark.parametrize(
    ("status", "said", "kind", "retryable"),
    [
        (400, body(type="invalid_request_error", message="bad"), e.BadRequestError, False),
        (400, body(message="Invalid API key", code="invalid_api_key"), e.AuthError, False),
        (400, anthropic("invalid_request_error", "Your credit balance is too low"), e.QuotaError, False),
        (400, body(code="model_not_found", message="no"), e.ModelNotFound, False),
        (400, body(code="content_filter", message="no"), e.RefusedContent, False),
        (400, gemini(400, "INVALID_ARGUMENT", "API key not valid."), e.AuthError, False),
        (401, body(message="Incorrect API key provided"), e.AuthError, False),
        (402, body(message="Insufficient credits"), e.QuotaError, False),
        (403, body(type="permission_error", message="no"), e.PermissionDenied, False),
        (404, anthropic("not_found_error", "model: x"), e.ModelNotFound, False),
        (408, b"", e.ConflictError, True),
        (409, b"", e.ConflictError, True),
        (413, anthropic("request_too_large", "too large"), e.RequestTooLarge, False),
        (422, b'{"detail": [{"loc": ["body"], "msg": "field required"}]}', e.BadRequestError, False),
        (429, body(code="rate_limit_exceeded", type="tokens", message=OPENAI_RATE), e.RateLimited, True),
        (429, body(code="insufficient_quota", message="You exceeded"), e.QuotaError, False),
        (429, anthropic("rate_limit_error", "slow down"), e.RateLimited, True),
        (429, b"slow down", e.RateLimited, True),
        (429, gemini(429, "RESOURCE_EXHAUSTED", GEMINI_QUOTA, RETRY_INFO), e.RateLimited, True),
        (
            429,
            gemini(429, "RESOURCE_EXHAUSTED", GEMINI_QUOTA, violation("GenerateRequestsPerDay-FreeTier")),
            e.QuotaError,
            False,
        ),
        (
            429,
            anthropic("rate_limit_error", "no more", details={"error_code": "enforced_spend_limit_reached"}),
            e.QuotaError,
            False,
        ),
        (498, b"", e.Overloaded, True),
        (500, body(type="server_error", message="oops"), e.ServerError, True),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", e.ServerError, True),
        (503, gemini(503, "UNAVAILABLE", "The model is overloaded."), e.Overloaded, True),
        (504, b"", e.ServerError, True),
        (529, anthropic("overloaded_error", "Overloaded"), e.Overloaded, True),
        (418, b"", e.BadRequestError, False),
    ],
)
def test_an_error_status_becomes_the_error_it_means(status, said, kind, retryable):
    error = faults.from_response(status, {}, said)
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status == status
    assert str(status) in error.what


@pytest.mark.parametrize(
    ("message", "code", "limit", "asked"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", "", 200_000, 210_000),
        (
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease one",
            "",
            200_000,
            190_000,
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you requested 9001 tokens "
            "(8001 in the messages, 1000 in the completion).",
            "context_length_exceeded",
            8192,
            9001,
        ),
        (
            "This model's maximum context length is 128,000 tokens. However, your messages resulted in "
            "130,512 tokens.",
            "context_length_exceeded",
            128_000,
            130_512,
        ),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            "",
            1_048_576,
            1_200_000,
        ),
        (
            "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
            "",
            131_072,
            150_000,
        ),
        (
            "This endpoint's maximum context length is 32768 tokens. However, you requested about 40000 "
            "tokens (39000 of text input, 1000 in the output).",
            "",
            32_768,
            40_000,
        ),
        (
            "the request exceeds the available context size (4096 tokens), try increasing it",
            "exceed_context_size_error",
            4096,
            None,
        ),
        ("Your input exceeds the context window of this model.", "context_length_exceeded", None, None),
        ("Please reduce the length of the messages or completion.", "", None, None),
    ],
)
def test_a_prompt_that_is_too_long_says_how_long_and_how_much_room_there_is(message, code, limit, asked):
    error = faults.from_response(400, {}, body(message=message, code=code, type="invalid_request_error"))
    assert isinstance(error, e.ContextLengthError)
    assert (error.limit, error.asked) == (limit, asked)


def test_a_local_servers_own_fields_say_how_much_room_there_is():
    said = body(
        code=400,
        type="exceed_context_size_error",
        message="the request exceeds the available context size, try increasing it",
        n_prompt_tokens=5000,
        n_ctx=4096,
    )
    error = faults.from_response(400, {}, said)
    assert isinstance(error, e.ContextLengthError)
    assert (error.limit, error.asked) == (4096, 5000)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, e.Overloaded),
        ({"type": "error", "error": {"type": "api_error", "message": "Internal"}}, e.ServerError),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, e.RateLimited),
        ({"type": "error", "error": {"type": "invalid_request_error", "message": "x"}}, e.BadRequestError),
        ({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, e.Overloaded),
        ({"error": {"code": "502", "message": "Upstream broke"}}, e.ServerError),
        ({"error": {"code": 402, "message": "Insufficient credits"}}, e.QuotaError),
        ({"error": {"code": 429, "message": "x", "metadata": {"error_type": "rate_limit"}}}, e.RateLimited),
        ({"error": {"message": "no", "code": "insufficient_quota"}}, e.QuotaError),
        ({"error": "the engine died"}, e.ServerError),
        ({"message": "who knows"}, e.ServerError),
        ({"error": {"code": True, "message": "x"}}, e.ServerError),
        ({"error": {"code": 10**5000, "message": "x"}}, e.ServerError),
        (["odd"], e.ServerError),
    ],
)
def test_an_error_frame_before_the_first_word_is_classed_by_its_type(frame, kind):
    error = faults.from_frame(frame, started=False)
    assert type(error) is kind
    assert error.why


def test_an_error_frame_after_the_first_word_is_never_tried_again():
    frame = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = faults.from_frame(frame, started=True, request_id="req_1")
    assert type(error) is e.MidStreamError
    assert not error.retryable
    assert (error.code, error.why, error.request_id) == ("overloaded_error", "Overloaded", "req_1")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": "invalid_request_error", "code": "model_not_found"}, "model_not_found"),
        ({"type": "invalid_request_error", "code": None}, "invalid_request_error"),
        ({"code": 404, "status": "NOT_FOUND"}, "NOT_FOUND"),
        ({"code": 404}, "404"),
        ({"code": "1113"}, "1113"),
        ({}, None),
    ],
)
def test_the_code_is_the_most_telling_name(error, code):
    assert faults.from_response(400, {}, body(message="m", **error)).code == code


def test_a_page_of_html_is_told_in_words_and_briefly():
    page = "<html><style>p{}</style><script>x()</script><h1>502 Bad &amp; Gone</h1>" + "<p>word</p>" * 500
    error = faults.from_response(502, {}, page.encode())
    assert error.why.startswith("502 Bad & Gone word")
    assert len(error.why) <= 300
    assert "<" not in error.why


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (b'{"detail": "Invalid API Key"}', "Invalid API Key"),
        (b'{"error": "model not loaded"}', "model not loaded"),
        (b'{"message": "nope"}', "nope"),
        (b'[{"error": {"message": "in a list"}}]', "in a list"),
        (b'data: {"error": {"message": "as an event"}}\n\n', "as an event"),
        (b"plain words", "plain words"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_message_is_found_in_any_shape(said, message):
    assert faults.from_response(500, {}, said).why == message


@pytest.mark.parametrize(
    "said", [b"[" * 100_000, b'{"error":' * 100_000, b'{"error": {"code": ' + b"9" * 9999]
)
def test_no_body_is_too_odd_to_be_an_error(said):
    assert isinstance(faults.from_response(500, {}, said), e.ServerError)


def test_headers_and_details_say_when_to_come_back():
    by_header = faults.from_response(429, {"Retry-After": "7", "X-Should-Retry": "false"}, b"")
    assert (by_header.retry_after, by_header.should_retry) == (7.0, False)
    by_detail = faults.from_response(429, {}, gemini(429, "RESOURCE_EXHAUSTED", "slow", RETRY_INFO))
    assert by_detail.retry_after == 23.5


def test_a_redirect_is_refused_and_names_only_the_host():
    error = faults.from_response(307, {"location": "https://evil.example/v1?key=secret"}, b"")
    assert isinstance(error, e.RedirectRefused)
    assert "evil.example" in str(error)
    assert "secret" not in str(error)


def test_the_request_id_comes_from_the_header_or_from_the_body():
    said = json.dumps({"error": {"message": "x"}, "request_id": "req_body"}).encode()
    assert faults.from_response(500, {"request-id": "req_header"}, said).request_id == "req_header"
    assert faults.from_response(500, {}, said).request_id == "req_body"
