"""Who listens is told, whoever fails harms nobody, and the log says no word of a prompt."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.events import Event, Rerouted, Retrying, Text, ToolResult
from llmkit.engine.hooks import Bell, Happening
from llmkit.engine.tape import Tape
from llmkit.errors import Aborted, BudgetExceeded, LLMKitError
from llmkit.sim import Simulator

PROMPT = "the marmalade prompt"


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    return llmkit.Session({"providers": {"here": here}, "prices": {"here/*": {"input": 10, "output": 10}}})


class Listener:
    """Writes down what it is told."""

    def __init__(self, session: llmkit.Session) -> None:
        self.news: list[tuple[str, Happening, Any]] = []
        session.on_request(lambda happening: self.news.append(("request", happening, None)))
        session.on_reply(lambda *news: self.news.append(("reply", *news)))
        session.on_error(lambda *news: self.news.append(("error", *news)))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.news]


def test_a_call_is_told_once_when_it_begins_and_once_when_it_ends(session: llmkit.Session) -> None:
    heard = Listener(session)
    reply = session.ask(PROMPT, model="here/swift", tag="t", cell="3", notebook="n.ipynb")
    assert heard.kinds == ["request", "reply"]
    _, happening, told = heard.news[1]
    assert told == reply
    assert (happening.provider, happening.model, happening.attempt) == ("here", "swift", 1)
    assert (happening.tag, happening.cell, happening.notebook) == ("t", "3", "n.ipynb")
    assert (happening.session, happening.wire) == (session.id, "openai.chat")
    assert happening.request.messages[0].text == PROMPT


def test_the_prompt_is_in_no_repr(session: llmkit.Session) -> None:
    heard = Listener(session)
    session.ask(PROMPT, model="here/swift")
    assert PROMPT not in repr(heard.news[0])


def test_every_attempt_has_its_own_beginning_and_end(session: llmkit.Session) -> None:
    heard = Listener(session)
    session.ask("hello", model="here/swift@fails=503:1:hook-retry")
    assert heard.kinds == ["request", "error", "request", "reply"]
    assert [happening.attempt for _, happening, _ in heard.news] == [1, 1, 2, 2]
    assert len({happening.call for _, happening, _ in heard.news}) == 1


@pytest.mark.parametrize("fault", ["status=400", "eof=3", "drop=3"])
def test_a_failure_is_told_with_its_error(session: llmkit.Session, fault: str) -> None:
    heard = Listener(session)
    with pytest.raises(LLMKitError) as caught:
        session.ask("hello", model=f"here/swift@{fault}")
    assert heard.kinds[-1] == "error"
    assert heard.news[-1][2] is caught.value


def test_a_stop_and_a_refusal_are_told_as_errors(session: llmkit.Session) -> None:
    heard = Listener(session)
    stream = session.stream("hello", model="here/bench:tokens=4000,rate=200,ttft=0")
    for event in stream:
        if isinstance(event, Text):
            stream.stop()
    assert stream.settled(30)
    with llmkit.budget("0.0001"), pytest.raises(BudgetExceeded):
        session.ask("hello", model="here/swift", max_tokens=1000)
    errors = [type(error) for kind, _, error in heard.news if kind == "error"]
    assert errors == [Aborted, BudgetExceeded]


def test_events_are_told_in_order_and_are_the_whole_answer(session: llmkit.Session) -> None:
    heard: list[str] = []
    session.on_event(lambda _, event: heard.append(event.text) if isinstance(event, Text) else None)
    reply = session.ask("hello", model="here/swift")
    whole = session.ask("hello", model="here/swift", stream=False)
    assert "".join(heard) == reply.text + whole.text


def sunny(city: str) -> str:
    """The weather in a city."""
    return "sunny"


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"model": "sim/tooler", "tools": [sunny]}, ToolResult),
        ({"model": "sim/tooler", "tools": [sunny], "cache": True}, ToolResult),
        ({"model": "sim/swift@status=500:1"}, Retrying),
        ({"model": "sim/swift@status=500", "fallback": "sim/sage"}, Rerouted),
    ],
)
def test_all_that_is_shown_is_told_but_the_end(asked: dict[str, Any], kind: type[Event]) -> None:
    session = llmkit.Session({"retry": {"base": 0}})
    heard: list[Event] = []
    session.on_event(lambda _, event: heard.append(event))
    for _ in range(2):  # where there is a cache, the second time is a replay
        heard.clear()
        *shown, _ = session.stream("What is the weather in Paris?", **asked)
        assert heard == shown
        assert any(isinstance(event, kind) for event in heard)


def test_nobody_listening_to_events_costs_the_token_path_nothing(
    session: llmkit.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[Any] = []
    monkeypatch.setattr("llmkit.engine.call.Call.ring", lambda *news: rung.append(news))
    session.ask("hello", model="here/swift")
    assert rung == []
    session.on_event(lambda *_: None)
    session.ask("hello", model="here/swift")
    assert rung


def test_who_no_longer_listens_is_not_told(session: llmkit.Session) -> None:
    heard: list[Happening] = []
    forget = session.on_request(heard.append)
    session.ask("hello", model="here/swift")
    forget()
    forget()
    session.ask("hello", model="here/swift")
    assert len(heard) == 1


def test_the_same_callback_twice_is_two_wishes() -> None:
    bell, heard = Bell(), []
    first = bell.add(heard.append)
    bell.add(heard.append)
    bell.ring(1)
    first()
    bell.ring(2)
    assert heard == [1, 1, 2]


def test_a_callback_that_fails_harms_neither_the_call_nor_the_others_and_is_logged_once(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*news: Any) -> None:
        raise RuntimeError(PROMPT)

    session.on_request(broken)
    session.on_event(broken)
    session.on_reply(broken)
    heard = Listener(session)
    for _ in range(3):
        assert session.ask(PROMPT, model="here/swift").text
    assert heard.kinds == ["request", "reply"] * 3
    lines = [record.getMessage() for record in caplog.records if "hook" in record.getMessage()]
    assert lines == ["llmkit: the hook broken failed with RuntimeError; the call goes on."] * 3
    assert PROMPT not in caplog.text


def test_a_replay_is_told_as_one(session: llmkit.Session, tmp_path: Path) -> None:
    session.tape = Tape(tmp_path / "t.jsonl", timing="instant")
    session.ask("hello", model="here/swift")
    heard = Listener(session)
    events: list[Any] = []
    session.on_event(lambda _, event: events.append(event))
    session.ask("hello", model="here/swift")
    assert heard.kinds == ["request", "reply"]
    assert {happening.source for _, happening, _ in heard.news} == {"tape"}
    assert events


# -- the log --------------------------------------------------------------------------------------


def test_the_log_has_one_line_a_call_without_a_word_of_it(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "llmkit"):
        reply = session.ask(PROMPT, model="here/swift", system="the plum system")
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.INFO and r.name == "llmkit"]
    [line] = [said for said in told if "here/swift" in said]  # the ends of others' calls may come just now
    assert f"{reply.usage.output} out" in line
    assert "marmalade" not in caplog.text
    assert "plum" not in caplog.text
    assert reply.text[:30] not in caplog.text


def test_a_failed_call_is_logged_by_its_kind(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "llmkit"), pytest.raises(LLMKitError):
        session.ask(PROMPT, model="here/swift@status=400")
    assert "failed: bad_request, status 400" in caplog.text
    assert PROMPT not in caplog.text


def test_prompts_are_logged_where_the_user_says_so_and_keys_not_even_then(
    session: llmkit.Session, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMKIT_LOG_PROMPTS", "1")
    with caplog.at_level(logging.DEBUG, "llmkit"):
        reply = session.ask(f"{PROMPT} {'k' * 9}", model="here/swift")
    assert PROMPT in caplog.text
    assert reply.text.replace("k" * 9, "•••") in caplog.text
    assert "k" * 9 not in caplog.text


def test_it_is_quiet_until_logging_is_configured() -> None:
    code = """
        import llmkit
        with llmkit.budget("0.01", simulated=True):
            try:
                llmkit.ask("hello", model="sim/swift@status=500")
            except llmkit.LLMKitError:
                pass
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
