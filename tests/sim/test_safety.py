"""The simulator listens on loopback, to programs of this machine, and keeps no secret."""

from __future__ import annotations

import logging

import pytest

from llmkit.core.errors import ConfigError
from llmkit.sim import Simulator

BODY = {"model": "sim/swift", "messages": [{"role": "user", "content": "a private prompt"}]}
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_it_refuses_to_listen_elsewhere_without_a_token(host) -> None:
    with pytest.raises(ConfigError, match="won't listen"):
        Simulator(host=host)


def test_with_a_token_only_its_holders_are_served(post) -> None:
    with Simulator(pace="instant", host="0.0.0.0", token="let-me-in") as other:
        assert post(CHAT, BODY, to=other).status == 401
        assert post(CHAT, BODY, to=other, authorization="Bearer wrong").status == 401
        assert post(CHAT, BODY, to=other, authorization="Bearer let-me-in").status == 200
        assert post(CHAT, BODY, to=other, x_api_key="let-me-in").status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example"]
)
def test_a_foreign_host_header_is_refused(sim, post, host) -> None:
    got = post(CHAT, BODY, host=host)
    assert got.status == 403
    assert sim.settled()[0].json is None


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_loopback_names_are_let_in(sim, post, name) -> None:
    assert post(CHAT, BODY, host=f"{name}:{sim.port}").status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_web_pages_of_other_origins_are_refused(post, origin) -> None:
    got = post(CHAT, BODY, origin=origin)
    assert got.status == 403
    assert not any(name.startswith("access-control") for name in got.headers)


def test_a_page_of_its_own_origin_is_let_in_without_cors(sim, post) -> None:
    got = post(CHAT, BODY, origin=f"http://127.0.0.1:{sim.port}")
    assert got.status == 200
    assert not any(name.startswith("access-control") for name in got.headers)


def test_a_preflight_is_not_answered_kindly(post) -> None:
    assert post(CHAT, method="OPTIONS", origin="https://evil.example").status == 403


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1beta/models/x:generateContent"])
def test_a_body_that_is_too_large_is_a_413_of_the_wire(post, path) -> None:
    with Simulator(max_body=1000) as other:
        got = post(path, b"x" * 2000, to=other)
        assert got.status == 413
        assert got.json["error"]["message"]
        assert other.attempts == 1
        assert post("/v1/models", method="GET", to=other).status == 200


def test_the_refusal_arrives_though_the_client_is_still_sending(post) -> None:
    with Simulator(max_body=1000) as other:
        assert post(CHAT, b"x" * 8_000_000, to=other).status == 413


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("authorization", "Bearer bad-key"),
        ("x_api_key", "bad-key"),
        ("x_goog_api_key", "bad-key"),
        ("api_key", "bad-key"),
    ],
)
def test_the_bad_key_is_refused_wherever_it_stands(post, header, value) -> None:
    assert post(CHAT, BODY, **{header: value}).status == 401


def test_any_other_key_and_none_at_all_are_fine(post) -> None:
    assert post(CHAT, BODY).status == 200
    assert post(CHAT, BODY, authorization="Bearer sk-anything").status == 200


def test_gemini_says_400_to_a_bad_key_as_the_real_one_does(post) -> None:
    got = post("/v1beta/models/x:generateContent?key=bad-key", {"contents": [{"parts": [{"text": "hi"}]}]})
    assert got.status == 400
    assert got.json["error"]["details"][0]["reason"] == "API_KEY_INVALID"


def test_nothing_is_logged_or_printed(sim, post, caplog, capfd) -> None:
    with caplog.at_level(logging.DEBUG):
        post(CHAT, BODY, authorization="Bearer sk-secret")
        post(CHAT, b"not json")
    assert [line for line in caplog.records if line.threadName == f"llmkit-sim-{sim.port}"] == []
    assert "sk-secret" not in caplog.text
    assert capfd.readouterr() == ("", "")
