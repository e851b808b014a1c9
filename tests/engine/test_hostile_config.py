"""Configurations that want to do harm, or to send a key where it does not belong. The cases are counted in test_secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from canary import KEY, canary

import llmkit
from llmkit.errors import BadEndpoint, ConfigError, LLMKitError
from llmkit.providers.registry import Registry


def test_the_configuration_shows_where_a_key_comes_from_and_not_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert repr(Registry().entry("openai").key) == "<Key from $OPENAI_API_KEY: set>"
    assert repr(Registry().entry("anthropic").key) == "<Key from $ANTHROPIC_API_KEY: missing>"


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x: !!python/object/apply:os.system ['true']", "line 1"),
        ("x: !!python/name:os.system", "line 1"),
        ("providers:\n  a: {type: sim}\n  a: {type: openai}", r"'a' stands twice, in lines 2 and 3"),
        ("providers: {}\naliases: {}\nproviders: {}", r"'providers' stands twice, in lines 1 and 3"),
        (BOMB, "huge"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a {b: *a}", "holds itself"),
        ("providers:\n  no: {type: sim}", "line 2 has a name that is no text"),
        ("providers:\n  1: {type: sim}", "no text"),
        ("providers:\n  ? [a, b]\n  : {type: sim}", "no text"),
        ("providers: {x: {type: sim}", "line"),
        ("[" * 3000, "YAML"),
        ("a: 2026-99-99", "YAML"),
        ("--- 1\n--- 2", "YAML"),
        ("a: *nobody", "line 1"),
        ("\x00", "YAML"),
    ],
)
def test_a_hostile_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said):
        llmkit.Session(path)


def test_a_huge_file_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_bytes(b"#" * 1_100_000)
    with pytest.raises(ConfigError, match="1 MB"):
        llmkit.Session(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="can't be read"):
        llmkit.Session(path)


def test_anchors_that_save_writing_are_welcome(tmp_path: Path) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text(
        "providers:\n"
        "  a: &shared {type: compatible, base_url: 'http://127.0.0.1:1/v1'}\n"
        "  b: *shared\n"
        "  c:\n    <<: *shared\n    default_model: m\n"
    )
    registry = llmkit.Session(path).registry
    assert registry["b"].base_url == registry["c"].base_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    "fields",
    [
        {"allow_insecure": "no"},
        {"base_url": 5},
        {"api_key": 12345678},
        {"headers": {"x": 1}},
        {"headers": {"x": "a\r\nauthorization: b"}},
        {"headers": "x"},
        {"default_model": False},
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_before_anything_is_sent(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        Registry({"providers": {"x": {"type": "openai", "base_url": "http://127.0.0.1:1/v1", **fields}}})


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HOME"])
def test_a_config_alone_sends_no_key_of_the_environment_to_another_host(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, KEY)
    fields = {"type": "openai", "base_url": "https://evil.example/v1", "api_key": f"${{{variable}}}"}
    with pytest.raises(BadEndpoint, match=r"evil\.example") as caught:
        Registry({"providers": {"x": fields}})
    assert "LLMKIT_TRUSTED_HOSTS" in str(caught.value)


def test_another_host_without_a_key_of_its_own_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with canary() as told:
        session = llmkit.Session({"providers": {"x": {"type": "openai", "base_url": told.url + "/v1"}}})
        with pytest.raises(LLMKitError):
            session.ask("hello", model="x/m")
        assert len(told.requests) == 1
        assert KEY not in str(told)


@pytest.mark.parametrize(
    ("trusted", "host"),
    [("gateway.corp", "gateway.corp"), ("a.b, *.corp", "llm.eu.corp"), ("GATEWAY.corp", "gateway.corp")],
)
def test_who_trusts_a_host_says_so_outside_the_config(
    monkeypatch: pytest.MonkeyPatch, trusted: str, host: str
) -> None:
    monkeypatch.setenv("LLMKIT_TRUSTED_HOSTS", trusted)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fields = {"type": "openai", "base_url": f"https://{host}/v1", "api_key": "${OPENAI_API_KEY}"}
    assert Registry({"providers": {"x": fields}}).entry("x").key.present


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("OPENAI_API_KEY", "https://api.openai.com/v1"),
        ("OPENAI_API_KEY", "http://127.0.0.1:8000/v1"),
        ("DEEPINFRA_API_KEY", "https://api.deepinfra.com/v1"),
        ("AZURE_OPENAI_API_KEY", "https://mine.openai.azure.com/openai/v1"),
    ],
)
def test_a_key_may_go_home_to_this_machine_and_where_its_name_says_nothing_else(
    variable: str, url: str
) -> None:
    fields = {"type": "openai", "base_url": url, "api_key": f"${{{variable}}}"}
    assert Registry({"providers": {"x": fields}}).entry("x").key.env == (variable,)


@pytest.mark.parametrize(
    "fields",
    [
        {"base_url": "https://evil.example/${OPENAI_API_KEY}"},
        {"base_url": "https://${OPENAI_API_KEY}.evil.example/v1"},
        {"base_url": "https://evil.example/v1?k={OPENAI_API_KEY}"},
        {"headers": {"x-key": "${OPENAI_API_KEY}"}},
        {"headers": {"x-key": "Bearer ${OPENAI_API_KEY}"}},
        {"api_key": "Bearer ${OPENAI_API_KEY}"},
    ],
)
def test_only_the_key_field_is_filled_in(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(ConfigError) as caught:
        Registry({"providers": {"x": {"type": "openai", "base_url": "https://api.openai.com/v1", **fields}}})
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com/v1",
        "http://169.254.169.254/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://[::ffff:169.254.169.254]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://[fd00:ec2::254]/v1",
        "https://metadata.google.internal/v1",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "https://api.openai.com@evil.example/v1",
        "https://user:pw@evil.example/v1",
        "https://evil.example\\@api.openai.com/v1",
        "https://api.openai.com /v1",
        "https://evil.example/v1?x=",
        "https://evil.example/v1#x",
        "https:///v1",
        "//evil.example/v1",
        "evil.example/v1",
        "https://evil.example:99999/v1",
        "http://127.0.0.1.evil.example/v1",
    ],
)
@pytest.mark.parametrize("kind", ["openai", "compatible"])
def test_an_address_that_no_key_may_go_to_is_refused(url: str, kind: str) -> None:
    with pytest.raises(BadEndpoint):
        Registry({"providers": {"x": {"type": kind, "base_url": url, "api_key": KEY}}})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("params: {api_base: 'https://evil.example'}", "providers.x.params"),
        ("base_url: 'https://evil.example'", "without an `api_key`"),
        ("base_url: 'https://evil.example', api_key: none", "without an `api_key`"),
        ("base_url: 'https://evil.example', api_key: '${OPENAI_API_KEY}'", "is not sent to evil.example"),
    ],
)
def test_a_projects_file_does_not_say_where_litellm_sends_the_keys_it_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: str, said: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmkit.yaml").write_text(f"providers:\n  x: {{type: litellm, {fields}}}\n", "utf-8")
    with pytest.raises(LLMKitError) as caught:
        llmkit.Session()
    assert said in str(caught.value)
    assert "line 2" in str(caught.value)
    assert KEY not in str(caught.value)
    llmkit.Session({"providers": {"x": {"type": "litellm", "params": {"api_base": "https://mine.example"}}}})
