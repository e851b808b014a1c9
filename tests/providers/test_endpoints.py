"""Where a prompt and a key may be sent."""

from __future__ import annotations

import pytest

from llmkit.core.errors import BadEndpoint
from llmkit.providers.endpoints import check, is_loopback
from llmkit.providers.gemini import GeminiProvider
from llmkit.providers.registry import Registry


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://my-endpoint.example/v1/",
        "http://127.0.0.1:8000/v1",
        "http://localhost:11434/v1",
        "http://[::1]:8000",
    ],
)
def test_https_anywhere_and_http_on_this_machine_are_fine(url: str) -> None:
    assert check(url, has_key=True) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://example.com/v1", "unencrypted"),
        ("http://10.0.0.5:8000/v1", "unencrypted"),
        ("file:///etc/passwd", "https"),
        ("gopher://example.com", "https"),
        ("javascript:alert(1)", "https"),
        ("https://api.openai.com@evil.example/v1", "user name"),
        ("http://169.254.169.254/latest/meta-data", "metadata"),
        ("https://169.254.169.254/latest", "metadata"),
        ("https:///v1", "no host"),
        ("https://evil.example/${OPENAI_API_KEY}", "placeholder"),
        ("https://evil.example:99999/", "Port"),
        ("api.openai.com/v1", "https"),
    ],
)
def test_other_addresses_are_refused_with_the_reason(url: str, word: str) -> None:
    with pytest.raises(BadEndpoint, match=word):
        check(url, has_key=True)


def test_a_private_address_without_a_key_may_be_called_over_http() -> None:
    assert check("http://10.0.0.5:8000/v1", has_key=False)


def test_the_user_may_insist() -> None:
    assert check("http://10.0.0.5:8000/v1", has_key=True, allow_insecure=True)


@pytest.mark.parametrize(
    ("url", "local"),
    [("http://127.0.0.1:1", True), ("http://localhost:1", True), ("http://127.0.0.1.evil.example", False)],
)
def test_loopback_is_judged_by_the_parsed_host(url: str, local: bool) -> None:
    assert is_loopback(url) is local


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-flash", "/v1beta/models/gemini-3-flash:generateContent"),
        ("models/gemini-3-flash", "/v1beta/models/gemini-3-flash:generateContent"),
        ("tunedModels/mine-1", "/v1beta/tunedModels/mine-1:generateContent"),
        ("../x?key=1", "/v1beta/models/..%2Fx%3Fkey%3D1:generateContent"),
    ],
)
def test_a_gemini_models_name_can_be_given_as_the_listing_has_it_and_leads_nowhere_else(
    model: str, path: str
) -> None:
    provider = Registry({"providers": {"g": {"type": "gemini", "api_key": "k" * 12}}})["g"]
    assert isinstance(provider, GeminiProvider)
    assert provider.url(model, "generateContent").endswith(path)
