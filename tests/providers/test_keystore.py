"""Keys are kept in the environment, this process or the system's keyring, and are fetched at every call."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyring.core
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked

import llmkit
from llmkit.core.errors import LLMKitError, MissingKey
from llmkit.providers import keystore
from llmkit.providers.keys import Key, known_secrets, learn, mask

KEY = "made-up-key-0123456789-abcd"
OTHER = "made-up-key-9876543210-wxyz"

RING = '''
import json, os, pathlib
from keyring.backend import KeyringBackend

class Ring(KeyringBackend):
    """A keyring in a file, for two processes of a test."""
    priority = 1
    path = pathlib.Path(os.environ["RING"])
    def _all(self):
        return json.loads(self.path.read_text()) if self.path.exists() else {}
    def get_password(self, service, name):
        return self._all().get(service + "/" + name)
    def set_password(self, service, name, value):
        self.path.write_text(json.dumps({**self._all(), service + "/" + name: value}))
    def delete_password(self, service, name):
        kept = self._all()
        del kept[service + "/" + name]
        self.path.write_text(json.dumps(kept))
'''


class Ring(KeyringBackend):
    """A keyring in memory."""

    priority = 1

    def __init__(self):
        super().__init__()
        self.kept = {}
        self.asked = 0
        self.locked = False

    def _open(self):
        if self.locked:
            raise KeyringLocked("locked")

    def get_password(self, service, name):
        self._open()
        self.asked += 1
        return self.kept.get((service, name))

    def set_password(self, service, name, value):
        self._open()
        self.kept[service, name] = value

    def delete_password(self, service, name):
        del self.kept[service, name]


class PlaintextRing(Ring):
    pass


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keystore, "_held", {})
    monkeypatch.setattr(keystore, "_asked", {})


def use(monkeypatch, backend):
    monkeypatch.setattr(keyring.core, "_keyring_backend", backend)
    return backend


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    return use(monkeypatch, Ring())


@pytest.fixture
def wire() -> Iterator[tuple[str, list[str]]]:
    """A server that writes down the keys it is called with, and refuses them."""
    told: list[str] = []

    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(self.headers.get("authorization", ""))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            body = b'{"error": {"message": "no"}}'
            self.send_response(401)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1", told
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_key_is_kept_in_the_keyring_and_found_there(ring):
    assert keystore.keep("OPENAI_API_KEY", KEY) == "the system keyring"
    assert keystore._held == {}
    assert keystore.find("OPENAI_API_KEY") == keystore.Found(KEY, "the system keyring")
    assert keystore.forget("OPENAI_API_KEY") == ("the system keyring",)
    assert keystore.find("OPENAI_API_KEY") is None
    assert keystore.forget("OPENAI_API_KEY") == ()


def test_the_environment_comes_first(ring, monkeypatch):
    keystore.keep("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", OTHER)
    assert keystore.find("OPENAI_API_KEY") == keystore.Found(OTHER, "$OPENAI_API_KEY")


def test_no_repr_shows_what_was_found(ring):
    assert KEY not in repr(keystore.Found(KEY, "x"))


@pytest.mark.parametrize("backend", [PlaintextRing, "fail", "null"])
def test_a_keyring_in_plain_text_or_none_is_no_keyring(monkeypatch, backend):
    if isinstance(backend, str):
        module = __import__(f"keyring.backends.{backend}", fromlist=["Keyring"])
        backend = module.Keyring
    used = use(monkeypatch, backend())
    assert not keystore.has_keyring()
    assert keystore.keep("OPENAI_API_KEY", KEY) == "this process"
    assert keystore.find("OPENAI_API_KEY").place == "this process"
    assert not getattr(used, "kept", {})
    assert keystore.forget("OPENAI_API_KEY") == ("this process",)


def test_a_locked_keyring_is_as_good_as_none(ring):
    ring.locked = True
    assert keystore.find("OPENAI_API_KEY") is None
    assert keystore.keep("OPENAI_API_KEY", KEY) == "this process"


def test_a_keyring_is_not_asked_again_at_once(ring):
    for _ in range(50):
        keystore.find("OPENAI_API_KEY")
    assert ring.asked == 1


def test_a_key_of_the_keyring_or_a_callable_is_masked_once_it_was_seen(ring):
    ring.kept["llmkit", "MY_API_KEY"] = KEY
    assert Key(env=("MY_API_KEY",)).get("mine") == KEY
    assert Key(fetch=lambda: OTHER).get("mine") == OTHER
    assert mask(f"{KEY} and {OTHER}") == "••• and •••"


def test_a_changed_environment_is_known_at_the_next_look(monkeypatch):
    monkeypatch.setenv("ONE_API_KEY", "first-key-of-the-test")
    assert "first-key-of-the-test" in known_secrets()
    monkeypatch.delenv("ONE_API_KEY")
    monkeypatch.setenv("TWO_API_KEY", "second-key-of-the-test")
    assert mask("second-key-of-the-test") == "•••"
    learn("third-key-of-the-test")
    assert mask("third-key-of-the-test") == "•••"


def test_each_call_takes_the_key_of_its_moment(wire, monkeypatch):
    url, told = wire
    keys = iter((KEY, KEY, OTHER, OTHER))
    supplied = {"value": KEY}
    session = llmkit.Session(
        {
            "providers": {
                "called": {
                    "type": "compatible",
                    "base_url": url,
                    "api_key": lambda: supplied["value"],
                },
                "named": {"type": "compatible", "base_url": url, "api_key": "${TURNING_API_KEY}"},
            },
            "retry": {"attempts": 1},
        }
    )
    for key in (KEY, OTHER):
        supplied["value"] = key
        monkeypatch.setenv("TURNING_API_KEY", key)
        for name in ("called", "named"):
            with pytest.raises(LLMKitError):
                session.ask("hi", model=f"{name}/m")
    assert told == [f"Bearer {key}" for key in keys]


@pytest.mark.parametrize("given", [None, "", 7, lambda: (_ for _ in ()).throw(OSError(KEY))])
def test_a_callable_that_gives_no_key_is_told_and_not_quoted(given):
    with pytest.raises(MissingKey, match="supplies the key") as caught:
        Key(fetch=given if callable(given) else lambda: given).get("mine")
    assert len(str(caught.value).splitlines()) == 3
    assert KEY not in str(caught.value)


async def later() -> str:
    return KEY


def test_an_async_callable_is_refused_in_words():
    with pytest.raises(MissingKey, match="coroutine") as caught:
        Key(fetch=later).get("mine")  # type: ignore[arg-type]
    assert "not an async one" in caught.value.hint


@pytest.fixture
def command(tmp_path, child_environment):
    (tmp_path / "ring_of_the_test.py").write_text(RING)
    root = str(Path(llmkit.__file__).parents[1])
    environment = {
        **child_environment,
        "RING": str(tmp_path / "ring.json"),
        "PYTHON_KEYRING_BACKEND": "ring_of_the_test.Ring",
        "PYTHONPATH": os.pathsep.join((str(tmp_path), root)),
    }

    def run(*words, pipe="", **more):
        return subprocess.run(
            [sys.executable, "-m", "llmkit", "keys", *words],
            input=pipe,
            env={**environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_the_command_line_keeps_lists_and_removes_a_key(command):
    put = command("set", "openai", pipe=f"{KEY}\n")
    assert put.returncode == 0, put.stderr
    assert put.stdout == "The key of openai (…abcd) is kept in the system keyring.\n"
    (line,) = [line for line in command("list").stdout.splitlines() if line.startswith("openai ")]
    assert line.split(maxsplit=2) == ["openai", "…abcd", "the system keyring"]
    assert "removed from the system keyring" in command("remove", "openai").stdout
    assert "No key of openai was kept" in command("remove", "openai").stdout


@pytest.mark.parametrize("words", [("set", "openai", KEY), ("set", "sk-proj-0123456789abcdef0123")])
def test_a_key_on_the_command_line_is_refused_and_not_repeated(command, words):
    ran = command(*words)
    assert ran.returncode == 2
    assert "Revoke it" in ran.stderr
    assert words[-1] not in ran.stdout + ran.stderr


def test_without_a_keyring_the_command_line_says_what_to_install(command):
    ran = command("set", "openai", pipe=KEY, PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring")
    assert ran.returncode == 2
    assert "llmkit[keyring]" in ran.stderr


@pytest.mark.parametrize("pipe", ["", "OPENAI_API_KEY=abc\n", "two words\n", '"quoted-key-000000"\n'])
def test_what_can_not_be_a_key_is_refused(command, pipe):
    ran = command("set", "openai", pipe=pipe)
    assert ran.returncode == 2
    assert "Nothing was changed" in ran.stderr
