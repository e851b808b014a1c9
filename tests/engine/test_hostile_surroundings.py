"""Files, variables, redirects and web pages that want a key or want code to run. The cases are counted in test_secrets."""

from __future__ import annotations

import ast
import contextlib
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from canary import APIS, KEY, ROOT, canary, config

import llmkit
from llmkit.core.messages import message_from_json
from llmkit.engine.cache import Cache
from llmkit.engine.recording import Recording
from llmkit.errors import ConfigError, LLMKitError
from llmkit.sim import Simulator


def test_a_dotenv_file_is_not_read(tmp_path: Path, child_environment: dict[str, str]) -> None:
    with canary() as told:
        (tmp_path / ".env").write_text(
            f"OPENAI_API_KEY={KEY}\nOPENAI_BASE_URL={told.url}\nHTTPS_PROXY={told.url}\n"
        )
        code = (
            "import os, llmkit\n"
            "reply = llmkit.ask('hello')\n"
            "print(reply.provider, 'OPENAI_API_KEY' in os.environ, 'OPENAI_BASE_URL' in os.environ)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=tmp_path,
            env={**child_environment, "PYTHONPATH": str(ROOT)},
        )
        assert done.stdout.split() == ["sim", "False", "False"]
        assert told.requests == []


@pytest.mark.parametrize("api", APIS)
def test_sdk_variables_for_addresses_and_keys_change_nothing(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, api: str
) -> None:
    simulator.reset()
    with canary() as told:
        for name in (
            "OPENAI_BASE_URL",
            "ANTHROPIC_BASE_URL",
            "GOOGLE_GEMINI_BASE_URL",
            "GOOGLE_VERTEX_BASE_URL",
        ):
            monkeypatch.setenv(name, told.url)
        # A token of another account must not go along to a server that has a key of its own.
        monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "other-canary-0123456789")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", "other-canary-0123456789")
        llmkit.Session(config(simulator.url)).ask("hello", model=f"{api}/swift")
        assert told.requests == []
        assert simulator.attempts == 1
    with canary(400) as told:
        with pytest.raises(LLMKitError):
            llmkit.Session(config(told.url)).ask("hello", model=f"{api}/m")
        [(_, headers, _)] = told.requests
        assert "other-canary" not in str(told)
        assert "fetched-for-each-request" not in str(told)
        assert sum(KEY in value for value in headers.values()) == 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(api: str, status: int) -> None:
    with canary() as evil, canary(status, {"location": evil.url + "/v1/steal"}) as told:
        with pytest.raises(LLMKitError) as caught:
            llmkit.Session(config(told.url)).ask("hello", model=f"{api}/m")
        assert caught.value.kind == "redirect"
        assert len(told.requests) == 1
        assert evil.requests == []


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"Origin": "https://evil.example"}],
)
def test_the_simulator_turns_away_pages_and_rebound_names(
    simulator: Simulator, headers: dict[str, str]
) -> None:
    asking = urllib.request.Request(simulator.url + "/v1/models", headers=headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asking)
    assert caught.value.code == 403
    assert "access-control-allow-origin" not in caught.value.headers
    caught.value.close()


def test_the_simulator_binds_to_this_machine_only_unless_there_is_a_token(simulator: Simulator) -> None:
    assert simulator.url.startswith("http://127.0.0.1:")
    with pytest.raises(ConfigError, match="token"):
        Simulator(host="0.0.0.0").start()


# -- what is read back ----------------------------------------------------------------------------


#: `{{ expr }}` in a cell is the user's own Python, as the cell is; values are never expanded again.
USERS_OWN_PYTHON = {"llmkit/notebook/prompt.py": {"compile", "eval"}}


def test_nothing_is_unpickled_or_evaluated() -> None:
    modules = re.compile(
        r"^(pickle|cPickle|dill|joblib|shelve|diskcache|marshal|cloudpickle|jsonpickle)(\.|$)"
    )
    found = []
    for path in sorted((ROOT / "llmkit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            match node:
                case ast.Import(names=aliases):
                    names = [alias.name for alias in aliases if modules.match(alias.name)]
                case ast.ImportFrom(module=str(module)) if modules.match(module):
                    names = [module]
                case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" | "__import__" as name)):
                    names = [name]
                case ast.Call(func=ast.Attribute(attr=attr, value=ast.Name(id=owner))):
                    dotted = f"{owner}.{attr}"
                    bad = r"yaml\.(load|load_all|unsafe_load|full_load|Loader|UnsafeLoader|FullLoader)|os\.system"
                    names = [dotted] if re.fullmatch(bad, dotted) else []
            where = path.relative_to(ROOT).as_posix()
            names = [name for name in names if name not in USERS_OWN_PYTHON.get(where, ())]
            found += [f"{where}:{getattr(node, 'lineno', 0)} {name}" for name in names]
    assert found == []


@pytest.mark.parametrize(
    "magic",
    [
        {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]},
        {"__class__": "os.system", "__reduce__": ["true"]},
        {"$ref": "file:///etc/passwd"},
        {"py/object": "os.system"},
    ],
)
def test_magic_names_in_json_are_plain_data(monkeypatch: pytest.MonkeyPatch, magic: dict[str, Any]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    said = {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": magic}]}
    assert message_from_json(said).tool_calls[0].arguments == magic
    with pytest.raises((ValueError, TypeError, KeyError)):
        message_from_json({"role": "user", "parts": [magic]})
    with pytest.raises(ValueError, match="not a recorded call"):
        Recording.from_json({"version": 1, "asked": magic, "beats": [], "reply": magic})


def test_a_planted_answer_in_the_cache_is_only_ever_text(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "c.db")
    asked = {"model": "m"}
    cache.keep(
        asked,
        (),
        llmkit.Reply(llmkit.Message.assistant("x"), stop_reason=llmkit.core.reply.StopReason("stop")),
    )
    marker = tmp_path / "ran"
    payload = pickle.dumps(_Runs(str(marker)))
    with contextlib.closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("UPDATE replies SET value = ?", (payload,))
    db.close()
    assert cache.find(asked) is None
    assert not marker.exists()


class _Runs:
    """What a planted pickle would do."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (self.path,))
