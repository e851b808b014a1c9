"""Attacks on keys and prompts, each with the test that stands against it.

Here are the keys in objects, errors, tracebacks, logs and files; A9 to A18 are in test_hostile_config and
test_hostile_surroundings, A19 to A42 in the latter.

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
(formulas in exports) is jobs/test_compare's.
"""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from canary import APIS, HEADER_KEY, KEY, PROMPT, canary, config

import llmkit
from llmkit.engine.tape import Tape
from llmkit.errors import LLMKitError
from llmkit.sim import Simulator


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return llmkit.Session(config(simulator.url))


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
