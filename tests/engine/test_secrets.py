"""Attacks on keys and prompts, each with the test that stands against it.

    case    what is tried                                             test here
    A1      repr, vars, pickle, copy of everything with a key set     test_no_view_of_any_object_shows_a_key
    A2      tracebacks with locals, IPython's Verbose mode            test_a_traceback_…, test_ipythons_verbose_…
    A3      the SDK's request hanging on an exception                 test_no_error_leads_to_a_key
    A4      the root logger at DEBUG                                  test_no_library_logs_a_key_or_a_prompt
    A5      the provider echoes the key                               test_an_echoed_key_…
    A8      files that stay behind                                    test_no_file_holds_a_key
    A9      printing the configuration                                test_the_configuration_shows_where_…
    A10     YAML object tags                                          test_a_hostile_file_is_refused
    A11     alias bombs, names twice, names that are no text          test_a_hostile_file_is_refused
    A12     a config sends a provider's key to another host           test_a_config_alone_…, test_who_trusts_…
    A13     references in addresses and headers                       test_only_the_key_field_is_filled_in
    A14     .env files, SDK variables for addresses and headers       test_a_dotenv_file_…, test_sdk_variables_…
    A16     redirects                                                 test_a_redirect_is_not_followed
    A17-18  http, metadata addresses, odd schemes, userinfo           test_an_address_that_no_key_may_go_to_…
    A19-20  the simulator: rebinding, pages, the local network        test_the_simulator_…
    A41     planted pickles, evaluated text                           test_nothing_is_unpickled_or_evaluated, test_cache
    A42     magic names in JSON                                       test_magic_names_in_json_are_plain_data
    A43     cache keys that say too little; files others may read     test_cache (another question, only its owner)
    A44     SQL in labels                                             test_sql_in_labels_is_text
    A46     prompts in the ledger                                     test_the_ledger_holds_no_prompt

A6 and A7 (keys in cells and widgets) are the notebook's; A15 falls away because no .env is read at all; A45
(formulas in exports) falls away because llmkit writes no CSV or Excel files itself.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import json
import logging
import os
import pickle
import re
import sqlite3
import subprocess
import sys
import textwrap
import threading
import traceback
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.messages import message_from_json
from llmkit.engine.cache import Cache
from llmkit.engine.recording import Recording
from llmkit.engine.tape import Tape
from llmkit.errors import BadEndpoint, ConfigError, LLMKitError
from llmkit.providers.registry import Registry
from llmkit.sim import Simulator

KEY = "sk-canary-0123456789abcdef-XYZ"
HEADER_KEY = "hdr-canary-0123456789abcdef"
PROMPT = "the marmalade prompt"
ROOT = Path(__file__).parents[2]
APIS = ("chat", "responses", "messages", "generate")
TYPES = {"chat": "openai", "responses": "openai", "messages": "anthropic", "generate": "gemini"}


def config(url: str, **more: Any) -> dict[str, Any]:
    """All four wires, with a key each."""
    providers = {
        api: {
            "type": TYPES[api],
            "base_url": url + ("/v1" if TYPES[api] == "openai" else ""),
            "api_key": KEY,
            "headers": {"x-team": HEADER_KEY},
            **({"api": api} if TYPES[api] == "openai" else {}),
            **more,
        }
        for api in APIS
    }
    return {"providers": providers, "retry": {"attempts": 1}}


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session(config(simulator.url))


class Told:
    """What a canary server was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.url = ""

    def __str__(self) -> str:
        return repr(self.requests)


@contextmanager
def canary(status: int = 200, headers: dict[str, str] | None = None, body: bytes = b"{}") -> Iterator[Told]:
    """A server on loopback that writes down what it is asked and answers the same each time."""
    told = Told()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers.get("content-length", 0)))
            told.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, asked))
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def everything(root: Any) -> Iterator[Any]:
    """All that can be reached from an object by attributes, items, causes and contexts."""
    seen: set[int] = set()
    left = [root]
    while left:
        thing = left.pop()
        if id(thing) in seen or isinstance(thing, type | threading.Thread) or callable(thing):
            continue
        seen.add(id(thing))
        yield thing
        if isinstance(thing, dict):
            left += [*thing, *thing.values()]
        elif isinstance(thing, list | tuple | set | frozenset):
            left += thing
        if isinstance(thing, BaseException):
            left += [thing.__cause__, thing.__context__, thing.args]
        left += list(getattr(thing, "__dict__", {}).values())
        for kind in type(thing).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            left += [getattr(thing, n, None) for n in ([slots] if isinstance(slots, str) else slots)]


def holds(root: Any, secret: str) -> bool:
    """Can the secret be had from this object?"""
    return any(
        secret in (thing if isinstance(thing, str) else thing.decode("latin-1"))
        for thing in everything(root)
        if isinstance(thing, str | bytes | bytearray)
    )


# -- objects, errors, tracebacks ------------------------------------------------------------------


def test_no_view_of_any_object_shows_a_key(session: llmkit.Session) -> None:
    reply = session.ask("hello", model="chat/swift")
    stream = session.stream("hello", model="messages/swift")
    stream.reply()
    heard: list[Any] = []
    session.on_request(heard.append)
    session.ask("hello", model="generate/swift")
    things = [session, session.registry, session.gates, session.ledger, session.hooks, reply, stream, *heard]
    things += [session.registry[api] for api in APIS] + [session.registry.entry(api) for api in APIS]
    things += [session.registry.entry(api).key for api in APIS]
    views = [
        text for thing in things for text in (repr(thing), str(thing), repr(getattr(thing, "__dict__", "")))
    ]
    packed = [reply, *(session.registry[api] for api in APIS), *(session.registry.entry(api) for api in APIS)]
    views += [repr(pickle.dumps(thing)) for thing in packed]
    views += [repr(copy.copy(thing)) + repr(copy.deepcopy(thing)) for thing in packed]
    views += [str(thing._repr_mimebundle_()) for thing in things if hasattr(thing, "_repr_mimebundle_")]
    assert not [view for view in views if KEY in view or HEADER_KEY in view]


def test_a_copy_of_a_provider_still_works(session: llmkit.Session) -> None:
    entry = copy.deepcopy(session.registry.entry("chat"))
    assert entry.provider.headers == {"x-team": HEADER_KEY}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "fault", ["status=401", "status=500", "cut=headers:rst", "cut=before", "eof=2", "page=502"]
)
def test_no_error_leads_to_a_key(session: llmkit.Session, api: str, fault: str) -> None:
    with pytest.raises(LLMKitError) as caught:
        session.ask(PROMPT, model=f"{api}/swift@{fault}")
    assert not holds(caught.value, KEY)
    assert not holds(caught.value, HEADER_KEY)
    assert caught.value.__context__ is None
    assert KEY not in repr(pickle.dumps(caught.value))


def test_nobody_answering_leads_to_no_key() -> None:
    with pytest.raises(LLMKitError) as caught:
        llmkit.Session(config("http://127.0.0.1:9")).ask("hello", model="chat/x")
    assert not holds(caught.value, KEY)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("api", APIS)
def test_a_traceback_with_local_variables_shows_no_key(session: llmkit.Session, api: str) -> None:
    with pytest.raises(LLMKitError) as caught:
        session.ask("hello", model=f"{api}/swift@cut=before")
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    text = "".join(shown.format())
    assert "open(" in text  # the frame with the headers is in it
    assert KEY not in text
    assert HEADER_KEY not in text


def test_ipythons_verbose_tracebacks_show_no_key(
    simulator: Simulator, child_environment: dict[str, str]
) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    code = f"""
        import os
        from IPython.core.interactiveshell import InteractiveShell
        shell = InteractiveShell.instance(colors="NoColor")
        shell.run_line_magic("xmode", "Verbose")
        shell.run_cell("import llmkit, os")
        shell.run_cell("here = dict(type='openai', api='chat', base_url={simulator.url!r} + '/v1', api_key='${{MY_API_KEY}}')")
        shell.run_cell("session = llmkit.Session(dict(providers=dict(here=here)))")
        shell.run_cell("session.ask('hello', model='here/swift@status=401')")
        shell.run_cell("%tb")
        # Failures that are not llmkit's own, with llmkit's frames in the middle:
        shell.run_cell("class Bad(str):\\n    def __str__(self): raise ZeroDivisionError(1)")
        shell.run_cell("session.ask(42, model='here/swift')")
        shell.run_cell("session.ask('hello', model='here/swift', signal=3)")
        shell.run_cell("provider = session.registry['here']; provider.open(None)")
        shell.run_cell("import asyncio; asyncio.run(provider.open(None, {{}}, None))")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**child_environment, "MY_API_KEY": KEY},
    )
    shown = done.stdout + done.stderr
    assert "AuthError" in shown
    assert "Traceback" in shown
    assert "self = " in shown or "self=" in shown  # it was verbose
    assert KEY not in shown


# -- what is written ------------------------------------------------------------------------------


def test_no_library_logs_a_key_or_a_prompt(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("openai", "anthropic", "httpx", "httpx2", "httpcore", "aiohttp", "asyncio", "google_genai"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        for api in APIS:
            session.ask(PROMPT, model=f"{api}/swift")
            with pytest.raises(LLMKitError):
                session.ask(PROMPT, model=f"{api}/swift@status=401")
    assert caplog.records
    said = "".join(f"{record.getMessage()} {record.args!r}" for record in caplog.records)
    assert not [word for word in (KEY, HEADER_KEY, PROMPT) if word in said]


ECHO = json.dumps(
    {"error": {"message": f"Incorrect API key provided: {KEY}.", "type": KEY, "code": KEY, "status": KEY}}
).encode()


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [400, 401, 500])
def test_an_echoed_key_is_masked_wherever_the_error_goes(
    api: str, status: int, clean_environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with canary(status, {"x-request-id": KEY, "retry-after": KEY}, ECHO) as told:
        session = llmkit.Session(config(told.url))
        with caplog.at_level(logging.DEBUG), pytest.raises(LLMKitError) as caught:
            session.ask("hello", model=f"{api}/m")
    assert told.requests
    assert not holds(caught.value, KEY)
    assert KEY not in caplog.text
    session.ledger.close()
    assert not [file for file in clean_environment.iterdir() if KEY.encode() in file.read_bytes()]


def test_a_key_that_was_changed_since_is_still_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmkit.providers.keys import Key, mask

    monkeypatch.setenv("ROTATED_API_KEY", "old-canary-0123456789")
    Key(env=("ROTATED_API_KEY",)).get("x")
    monkeypatch.setenv("ROTATED_API_KEY", "new-canary-0123456789")
    Key(fetch=lambda: "fetched-canary-0123456789").get("x")
    assert mask("old-canary-0123456789 new-canary-0123456789 fetched-canary-0123456789") == "••• ••• •••"


def test_a_key_that_begins_with_another_leaves_no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    from llmkit.providers.keys import mask

    monkeypatch.setenv("A_API_KEY", "sk-0123456789")
    monkeypatch.setenv("B_API_KEY", "sk-0123456789-longer")
    assert mask("sk-0123456789-longer") == "•••"


def test_no_file_holds_a_key(session: llmkit.Session, simulator: Simulator, clean_environment: Path) -> None:
    simulator.script([f"You said {KEY}."] * 8)
    session.tape = Tape(clean_environment / "t.jsonl", timing="instant")
    for api in APIS:
        session.ask(f"My key is {KEY}.", model=f"{api}/swift", tag=KEY, cache=True)
        with pytest.raises(LLMKitError):
            session.ask(f"My key is {KEY}.", model=f"{api}/swift@status=401", tag=KEY, cache=True)
    session.ledger.close()
    files = [file for file in clean_environment.rglob("*") if file.is_file()]
    assert {"t.jsonl", "cache.db", "ledger.sqlite"} <= {file.name for file in files}
    assert not [file.name for file in files if KEY.encode() in file.read_bytes()]


def test_the_ledger_holds_no_prompt(session: llmkit.Session, clean_environment: Path) -> None:
    reply = session.ask(PROMPT, model="chat/swift", system="the plum system")
    with pytest.raises(LLMKitError):
        session.ask(PROMPT, model="chat/swift@status=400")
    session.ledger.close()
    written = b"".join(file.read_bytes() for file in clean_environment.iterdir())
    assert not [word for word in (PROMPT, "plum", reply.text[:25]) if word.encode() in written]


def test_sql_in_labels_is_text(session: llmkit.Session) -> None:
    evil = "x'); DROP TABLE attempts; --"
    session.ask("hello", model="chat/swift", tag=evil, cell=evil, notebook=evil)
    [row] = session.ledger.rows(tag=evil, cell=evil, notebook=evil, simulated=True)
    assert row["tag"] == evil


# -- configurations -------------------------------------------------------------------------------


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


# -- the surroundings -----------------------------------------------------------------------------


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
