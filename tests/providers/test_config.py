"""A configuration: which files count, and that a wrong one is told by file, line, what and fix."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import BadEndpoint, ConfigError, LLMKitError, MissingKey
from llmkit.providers import schema
from llmkit.providers.config import find, project_file, user_file
from llmkit.providers.presets import PRESETS
from llmkit.providers.registry import Registry

MINE = "providers:\n  mine:\n    type: compatible\n    base_url: http://127.0.0.1:1/v1\n"
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{','.join(['*' + chr(97 + at)] * 10)}]\n" for at in range(6)
)

#: What is written, the line that is named, a word of what is wrong, a word of what to do.
WRONG = [
    ("provider:\n  x: {}\n", 1, "unknown section 'provider'", "'providers'"),
    ("providers:\n  x: openai\n", 2, "providers.x is no mapping", "`type`"),
    ("providers:\n  x:\n    type: openai\n    base_ulr: https://x.example\n", 4, "unknown field 'base_ulr'", "'base_url'"),
    ("providers:\n  x:\n    base_url: http://127.0.0.1:1\n", 2, "needs a `type`", "openai"),
    ("providers:\n  x:\n    type: openal\n", 3, "providers.x.type is unknown: 'openal'", "'openai'"),
    ("providers:\n  x:\n    type: openai\n    api: chatt\n", 4, "providers.x.api can't be 'chatt'", "'chat'"),
    ("providers:\n  x:\n    type: compatible\n", 2, "needs a `base_url`", "no address"),
    ("providers:\n  x:\n    type: openai\n    default_model: 6\n", 4, "default_model is no text", "quotes"),
    ("providers:\n  x:\n    type: openai\n    api_key: 12345\n", 4, "api_key is no text", "${NAME"),
    ("providers:\n  x:\n    type: openai\n    api_key: sk-${A_API_KEY}\n", 4, "mixes a reference", "alone"),
    ("providers:\n  x:\n    type: openai\n    base_url: https://${HOST}/v1\n", 4, "holds a reference", "Only `api_key`"),
    ("providers:\n  x:\n    type: openai\n    headers: {X-A: '${B_API_KEY}'}\n", 4, "holds a reference", "Only `api_key`"),
    ("providers:\n  x:\n    type: openai\n    headers: [a]\n", 4, "headers is no mapping", "name"),
    ("providers:\n  x:\n    type: openai\n    allow_insecure: 'yes'\n", 4, "neither true nor false", "without quotes"),
    ("providers:\n  x:\n    type: openai\n    timeout: fast\n", 4, "timeout can't be 'fast'", "above 0"),
    ("providers:\n  x:\n    type: openai\n    max_tokens: 0\n", 4, "max_tokens can't be 0", "1 or more"),
    ("providers:\n  x:\n    type: openai\n    max_retries: 1.5\n", 4, "max_retries can't be 1.5", "whole number"),
    ("providers:\n  x:\n    type: openai\n    limits: {rpm: 5}\n", 4, "unknown field 'rpm'", "requests_per_minute"),
    ("providers:\n  x:\n    type: ollama\n    deployment: y\n", 4, "unknown field 'deployment'", "Known"),
    ("providers:\n  x:\n    type: openai\n    base_url: file:///etc\n", 2, "is refused", "https://"),
    ("providers: [openai]\n", 1, "providers is no mapping, but a list", "name of its own"),
    ("aliases:\n  fast: 5\n", 2, "aliases.fast is no text, but a number", "quotes"),
    ("default_model: [sonnet]\n", 1, "default_model is no text, but a list", "quotes"),
    ("timeouts:\n  first_byte: -1\n", 2, "timeouts.first_byte can't be -1", "above 0"),
    ("retry: {atempts: 3}\n", 1, "unknown field 'atempts'", "'attempts'"),
    ("breaker: fast\n", 1, "breaker is no mapping, but text", "threshold"),
    ("agents:\n  me:\n    modle: sonnet\n", 3, "unknown field 'modle'", "'model'"),
    ("tasks:\n  code:\n    models: 5\n", 3, "tasks.code.models", ""),
    ("routing:\n  strategie: balanced\n", 2, "unknown field 'strategie'", "'strateg"),
    ("models:\n  x/y:\n    vision: perhaps\n", 3, "models.x/y.vision is neither true nor false", "without quotes"),
    ("models:\n  x/y:\n    retires: soon\n", 3, "models.x/y.retires can't be 'soon'", "like 2026-11-20"),
    ("models:\n  x/y:\n    retires: 2026-11-20T10:00:00\n", 3, "models.x/y.retires can't be", "like 2026-11-20"),
    ("budgets:\n  day: [1]\n", 2, "budgets.day", ""),
    ("budgets:\n  day: a lot\n", 2, "budgets.day is no budget", "more than nothing"),
    ("prices:\n  x/y:\n    input: cheap\n", 2, "prices.x/y is no price", "input"),
    ("prices:\n  x/y: {inptu: 1}\n", 2, "prices.x/y is no price", "inptu"),
    ("prices:\n  mine: {input: 1, output: 2}\n", 2, "prices.mine names no model", "'*/mine'"),
    ("providers:\n  x:\n    type: vllm\n    dialect: grok2\n", 4, "dialect can't be 'grok2'", "'grok'"),
    ("providers:\n  x/y:\n    type: openai\n", 2, "a name that no model could be asked under", "without /"),
    ("aliases:\n  a: b\n  a: c\n", 3, "'a' stands twice, in lines 2 and 3", "Keep one"),
    ("aliases:\n\ta: b\n", 2, "not valid YAML", "spaces, not with tabs"),
    ("aliases:\n  a: b: c\n", 2, "not valid YAML", "in quotes"),
    ("aliases: {a: b\n", 2, "not valid YAML", "brackets"),
    ("aliases: !!python/name:os.system\n", 1, "not valid YAML", "take the tag out"),
    ("aliases:\n  on: sonnet\n", 2, "a name that is no text", "quotes"),
    ("a: &a\n  b: *a\n", 1, "holds itself", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "what", "fix"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_file_says_file_line_what_and_fix(
    tmp_path: Path, text: str, line: int, what: str, fix: str
) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text(text)
    with pytest.raises(LLMKitError) as caught:
        llmkit.Session(path)
    said = str(caught.value)
    assert str(path) in said
    assert f"line {line}" in said or f"and {line}" in said
    assert what in said
    assert fix in said
    assert "Nothing was sent" in said
    assert len(said.splitlines()) == 3


def test_there_are_at_least_thirty_of_them() -> None:
    assert len(WRONG) >= 30


@pytest.mark.parametrize(
    ("text", "what"), [(BOMB, "huge"), ("[1, 2]", "no mapping"), ("x: " + "[" * 2000, "YAML")]
)
def test_a_file_that_is_no_configuration_at_all_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=what):
        llmkit.Session(path)


def test_the_first_of_several_mistakes_says_how_many_more_there_are(tmp_path: Path) -> None:
    path = tmp_path / "llmkit.yaml"
    path.write_text("aliases: {a: 1}\ndefault_model: 2\ncache: 3\n")
    with pytest.raises(ConfigError, match="2 more"):
        llmkit.Session(path)


def test_everything_that_can_be_said_can_be_said_at_once() -> None:
    registry = Registry(
        {
            "providers": {
                "claude_main": {
                    "type": "anthropic", "api_key": "${ANTHROPIC_API_KEY}", "default_model": "claude-sonnet-5-5",
                    "max_tokens": 500, "timeout": 30, "max_retries": 2, "headers": {"x-team": "ours"},
                    "limits": {"concurrency": 2}, "timeouts": {"idle": 5},
                }
            },
            "aliases": {"main": "claude_main/claude-sonnet-5-5"},
            "default_model": "main",
            "models": {"mine/some": {"context_window": 8000, "vision": True, "strengths": ["coding"]}},
            "budgets": {"day": 2},
            "cell": {"model": "main", "temperature": None, "display": "final"},
            "tasks": {"coding": {"models": ["sonnet", "luna"], "strategy": "balanced", "needs": "tools"}},
            "agents": {"reviewer": {"provider": "claude_main", "system": "Be brief: ${x}.", "tools": ["search"]}},
            "routing": {"strategy": "cheapest", "fallback": ["luna"], "max_attempts": 3},
        }
    )  # fmt: skip
    assert registry.section("agents")["reviewer"]["provider"] == "claude_main"
    assert registry.section("tasks")["coding"]["strategy"] == "balanced"
    assert registry.configured == ("claude_main",)


# -- which files count -------------------------------------------------------------------------------


def test_the_users_file_then_the_projects_then_the_one_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    user_file().write_text("aliases: {a: sim/swift, b: sim/swift, c: sim/swift}\ndefault_model: a\n")
    (tmp_path / "work" / "llmkit.yaml").write_text("aliases: {b: sim/sage, c: sim/sage}\n")
    (tmp_path / "other.yaml").write_text("aliases: {c: sim/poet}\n")
    monkeypatch.setenv("LLMKIT_CONFIG", str(tmp_path / "other.yaml"))
    session = llmkit.Session()
    assert [session.resolve(alias)[1] for alias in "abc"] == ["swift", "sage", "poet"]
    assert session.resolve()[1] == "swift"
    assert [source.origin for source in find().sources] == ["user", "project", "LLMKIT_CONFIG"]
    assert "line 1" in find().source_of("aliases", "b").place(("aliases", "b"))


def test_a_file_that_is_named_and_found_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmkit.yaml").write_text("default_model: sim/sage\n")
    monkeypatch.setenv("LLMKIT_CONFIG", "llmkit.yaml")
    assert [source.origin for source in find().sources] == ["LLMKIT_CONFIG"]
    user_file().write_text("default_model: sim/swift\n")
    monkeypatch.setenv("LLMKIT_CONFIG", str(user_file()))
    assert [source.origin for source in find().sources] == ["user", "project"]


def test_a_provider_is_replaced_as_a_whole_so_that_no_key_meets_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    user_file().write_text(MINE + "    api_key: sk-canary-0123456789\n")
    (tmp_path / "llmkit.yaml").write_text(MINE.replace("127.0.0.1:1", "127.0.0.1:2"))
    session = llmkit.Session()
    assert session.registry["mine"].base_url == "http://127.0.0.1:2/v1"
    assert session.registry.entry("mine").key.get("mine") == "none"


def test_the_projects_file_is_looked_for_up_to_the_root_of_its_repository(tmp_path: Path) -> None:
    deep = tmp_path / "repo" / "notebooks" / "deep"
    deep.mkdir(parents=True)
    (tmp_path / "llmkit.yaml").write_text("")
    (tmp_path / "repo" / "llmkit.yaml").write_text("")
    assert project_file(deep) is None  # outside of a repository, the directories above may be anybody's
    (tmp_path / "repo" / ".git").mkdir()
    assert project_file(deep) == tmp_path / "repo" / "llmkit.yaml"
    (tmp_path / "repo" / "llmkit.yaml").unlink()
    assert project_file(deep) is None


def test_a_given_configuration_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmkit.yaml").write_text(MINE)
    assert "mine" in llmkit.Session().registry
    assert "mine" not in llmkit.Session({}).registry


def test_a_file_that_is_named_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMKIT_CONFIG", "nowhere/llmkit.yaml")
    with pytest.raises(ConfigError, match=r"nowhere.llmkit\.yaml can't be used: it can't be read"):
        llmkit.Session()


# -- keys and hosts ----------------------------------------------------------------------------------


def session_of_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: str) -> llmkit.Session:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmkit.yaml").write_text(f"providers:\n  x:\n    type: openai\n{fields}")
    return llmkit.Session()


EVIL = "    base_url: https://evil.example/v1\n"


@pytest.mark.parametrize(
    "variable", ["OPENAI_API_KEY", "GITHUB_TOKEN", "SOME_BANKS_API_KEY", "AWS_SECRET_ACCESS_KEY"]
)
def test_a_projects_file_sends_no_key_to_a_foreign_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "canary-0123456789")
    with pytest.raises(BadEndpoint, match=rf"line 2.*{variable} is not sent to evil\.example") as caught:
        session_of_project(tmp_path, monkeypatch, f"{EVIL}    api_key: ${{{variable}}}\n")
    assert "canary" not in str(caught.value)


def test_the_user_may_trust_a_host_in_their_own_file_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = f"{EVIL}    api_key: ${{OPENAI_API_KEY}}\n"
    user_file().write_text("trusted_hosts: [evil.example]\n")
    assert session_of_project(tmp_path, monkeypatch, fields).registry["x"].base_url.startswith("https://evil")
    user_file().unlink()
    monkeypatch.setenv("LLMKIT_TRUSTED_HOSTS", "evil.example")
    assert session_of_project(tmp_path, monkeypatch, fields).registry["x"].base_url.startswith("https://evil")


def test_a_projects_file_can_not_vouch_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "llmkit.yaml").write_text("trusted_hosts: [evil.example]\n")
    with pytest.raises(ConfigError, match=r"line 1: a project's file can't say trusted_hosts"):
        llmkit.Session()


def test_a_projects_file_can_not_send_a_key_unencrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="allow_insecure"):
        session_of_project(
            tmp_path,
            monkeypatch,
            "    base_url: http://api.openai.com/v1\n    api_key: ${OPENAI_API_KEY}\n    allow_insecure: true\n",
        )


def test_a_users_own_variable_goes_where_the_user_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORK_API_KEY", "sk-work-0123456789")
    given = {"type": "openai", "base_url": "https://llm.work.example/v1", "api_key": "${WORK_API_KEY}"}
    assert Registry({"providers": {"work": given}}).entry("work").key.get("work") == "sk-work-0123456789"


def test_a_reference_may_say_what_holds_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "type": "compatible",
        "base_url": "http://127.0.0.1:1/v1",
        "api_key": "${LOCAL_API_KEY:-none-set}",
    }
    entry = Registry({"providers": {"x": given}}).entry("x")
    assert entry.key.get("x") == "none-set"
    monkeypatch.setenv("LOCAL_API_KEY", "now-there-is-one")
    assert entry.key.get("x") == "now-there-is-one"


def test_a_variable_that_is_not_set_is_named_when_it_is_needed() -> None:
    given = {"type": "openai", "base_url": "http://127.0.0.1:1/v1", "api_key": "${WORK_API_KEY}"}
    with pytest.raises(MissingKey, match="WORK_API_KEY"):
        llmkit.Session({"providers": {"x": given}}).ask("hello", model="x/y")


# -- what a provider's entry says of its calls ---------------------------------------------------------


def sim(**fields: Any) -> dict[str, Any]:
    return {"providers": {"x": {"type": "sim", "default_model": "swift", **fields}}}


def test_a_limit_of_tokens_holds_for_every_call_that_gives_none() -> None:
    session = llmkit.Session(sim(max_tokens=5))
    assert session.ask("Tell me a long story.", model="x/poet").stop_reason == "length"
    assert session.ask("Tell me a long story.", model="x/swift", max_tokens=2000).stop_reason == "stop"


def test_a_timeout_holds_for_every_call_that_gives_none() -> None:
    session = llmkit.Session(sim(timeout=0.05))
    with pytest.raises(llmkit.errors.DeadlineExceeded):
        session.ask("hello", model="x/swift@delay=30")


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2)])
def test_retries_may_be_set_for_each_provider(retries: int, attempts: int) -> None:
    session = llmkit.Session({**sim(max_retries=retries), "retry": {"base": 0.0}})
    with pytest.raises(LLMKitError):
        session.ask("hello", model="x/swift@status=503")
    assert len(session.usage(simulated=True, session=session.id)) == attempts


#: What each kind of provider that has fields of its own must be told.
SPECIAL = {
    "azure": {
        "endpoint": "https://mine.openai.azure.com", "deployment": "d", "api_version": "2024-10-21", "auth": "key",
    },
    "vertex": {"project": "p", "location": "europe-west4", "api_version": "v1"},
    "local": {"path": "x.gguf", "context": 512, "threads": 2, "gpu_layers": -1, "chat_format": "chatml"},
    "litellm": {"params": {"aws_region_name": "eu-central-1"}},
}  # fmt: skip


def test_every_field_that_the_schema_names_for_a_kind_of_provider_is_used_by_it() -> None:
    assert {kind: set(fields) for kind, fields in schema.SPECIAL.items()} == {
        kind: set(fields) for kind, fields in SPECIAL.items()
    }
    assert set(SPECIAL) <= set(PRESETS)
    for kind, fields in SPECIAL.items():
        provider = Registry({"providers": {"x": {"type": kind, **fields}}})["x"]
        called = {"endpoint": ("base_url", fields.get("endpoint")), "auth": ("entra", False)}
        for field, written in fields.items():
            name, value = called.get(field, (field, written))
            assert getattr(provider, name) == value, (kind, field)
