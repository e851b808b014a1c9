"""The tape: what was answered once is answered again, without a key, a provider or money."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.events import Done, Failed, Text, Thinking, ToolCall, ToolCallDelta, ToolResult
from llmkit.core.messages import Message, TextPart, ThinkingPart, ToolCallPart
from llmkit.core.reply import Reply
from llmkit.core.usage import Cost, Usage
from llmkit.engine.call import Labels
from llmkit.engine.inputs import as_request
from llmkit.engine.playback import Playback
from llmkit.engine.recording import Recording, so_far
from llmkit.engine.structured import Shape
from llmkit.engine.tape import Tape
from llmkit.errors import Aborted, BadRequest, ConfigError, LLMKitError, TapeMiss
from llmkit.sim import Say, Simulator

KEY = "sk-canary-0123456789abcdef"


def connected(simulator: Simulator) -> llmkit.Session:
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": KEY}
    return llmkit.Session({"providers": {"here": here}})


@pytest.fixture
def session(simulator: Simulator) -> llmkit.Session:
    simulator.reset()
    return connected(simulator)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo.llm.jsonl"


def record(session: llmkit.Session, path: Path, *prompts: str, **more: Any) -> list[Reply]:
    tape = Tape(path).insert(session)
    try:
        return [session.ask(prompt, model="here/swift", **more) for prompt in prompts]
    finally:
        tape.eject()


def replaying(path: Path, **more: Any) -> llmkit.Session:
    """A session on a machine that has neither the key nor the provider."""
    session = llmkit.Session()
    session.tape = Tape(path, "replay", **{"timing": "instant", **more})
    return session


def statuses(session: llmkit.Session) -> list[str]:
    return [row["status"] for row in session.ledger.rows(simulated=True, session=session.id)]


# -- replaying ------------------------------------------------------------------------------------


def test_a_recorded_call_is_answered_again_without_key_provider_or_network(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    [first] = record(session, path, "Why is the sky blue?")
    before = simulator.attempts
    again = replaying(path).ask("Why is the sky blue?", model="here/swift")
    assert simulator.attempts == before
    assert (again.text, again.usage, again.stop_reason, again.model) == (
        first.text,
        first.usage,
        first.stop_reason,
        first.model,
    )


def test_a_replay_streams_the_same_words_and_costs_nothing(session: llmkit.Session, path: Path) -> None:
    [first] = record(session, path, "Why is the sky blue?")
    other = replaying(path, timing="original")
    events = list(other.stream("Why is the sky blue?", model="here/swift"))
    assert "".join(event.text for event in events if isinstance(event, Text)) == first.text
    last = events[-1]
    assert isinstance(last, Done)
    assert last.reply.cost.amount == 0
    assert f"That saved {first.cost}" in last.reply.notes[-1]
    [row] = other.ledger.rows(simulated=True, session=other.id)
    assert (row["status"], Decimal(row["cost"])) == ("cached", 0)
    # It stands with its model in every table, whatever name the server gave itself.
    assert (row["model"], row["model_served"]) == ("swift", first.model)


def test_at_its_own_pace_an_answer_comes_in_pieces_and_instantly_in_one(path: Path) -> None:
    beats = tuple((n * 0.01, Text(f"{n} ")) for n in range(10))
    reply = Reply(Message.assistant("".join(event.text for _, event in beats)), model="m")
    asked = {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": "count"}]}]}
    Tape(path).keep(Recording(asked, beats, reply))

    def batches(timing: Any) -> int:
        stream = replaying(path, timing=timing).stream("count", model="m")
        return len([batch for batch in stream.batches() if batch])

    assert batches("original") == 11
    assert batches("instant") == 2


def test_a_replay_can_be_stopped_and_keeps_what_was_shown(path: Path) -> None:
    beats = ((0.0, Text("one ")), (0.0, Text("two ")), (60.0, Text("three")))
    asked = {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": "count"}]}]}
    Tape(path).keep(Recording(asked, beats, Reply(Message.assistant("one two three"))))
    session = replaying(path, timing="original")
    stream = session.stream("count", model="m")
    heard = ""
    for event in stream:
        if isinstance(event, Text):
            heard += event.text
            if heard == "one two ":
                assert stream.text == heard
                stream.stop()
    assert isinstance(stream.error, Aborted)
    assert stream.partial.text == "one two "
    assert not stream.partial.complete
    assert statuses(session) == ["cancelled"]


def test_a_replay_keeps_to_a_deadline(path: Path) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": "count"}]}]}
    Tape(path).keep(Recording(asked, ((60.0, Text("late")),), Reply(Message.assistant("late"))))
    with pytest.raises(llmkit.errors.DeadlineExceeded):
        replaying(path, timing="original").ask("count", model="m", timeout=0.1)


def test_what_was_shown_is_rebuilt_part_by_part() -> None:
    shown = [Thinking("hm"), Thinking("m"), Text("a"), Text("b"), ToolCall("1", "f", {"x": 1}), Text("c")]
    assert so_far(Reply(model="m"), shown).message.parts == (
        ThinkingPart("hmm"),
        TextPart("ab"),
        ToolCallPart("1", "f", {"x": 1}),
        TextPart("c"),
    )


# -- a miss ---------------------------------------------------------------------------------------


def test_a_miss_names_the_cell_and_the_nearest_prompt_and_sends_nothing(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    record(session, path, "Why is the sky blue?", "Name three rivers.")
    before = simulator.attempts
    session.tape = Tape(path, "replay")
    with pytest.raises(TapeMiss) as caught:
        session.ask("Why is the sky red?", model="here/swift", cell="In[7]")
    said = str(caught.value)
    assert "Cell In[7]" in said
    assert "'Why is the sky blue?'" in said
    assert "Nothing was sent" in said
    assert simulator.attempts == before


def test_a_miss_says_what_differs_where_the_prompt_is_the_same(session: llmkit.Session, path: Path) -> None:
    record(session, path, "Why?")
    with pytest.raises(TapeMiss, match="another options and system"):
        replaying(path).ask("Why?", model="here/swift", system="Be terse.", temperature=0.5)


def test_replaying_a_tape_that_is_not_there_says_how_to_record_it(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"demo\.llm\.jsonl") as caught:
        Tape(path, "replay")
    assert "record" in str(caught.value)


# -- modes ----------------------------------------------------------------------------------------


def test_auto_replays_what_is_there_and_records_what_is_not(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    record(session, path, "one", "two")
    before = simulator.attempts
    record(session, path, "two", "three", "three")
    assert simulator.attempts == before + 1
    assert len(Tape(path)) == 3


def test_record_asks_anew_and_replaces_the_line(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    simulator.script(["old", "new"])
    record(session, path, "one")
    session.tape = Tape(path, "record")
    assert session.ask("one", model="here/swift").text == "new"
    assert replaying(path).ask("one", model="here/swift").text == "new"
    assert len(path.read_text("utf-8").splitlines()) == 1


def test_off_does_nothing(session: llmkit.Session, path: Path) -> None:
    session.tape = Tape(path, "off")
    session.ask("one", model="here/swift")
    assert not path.exists()


@pytest.mark.parametrize("wrong", [{"mode": "rewind"}, {"timing": "slow"}])
def test_an_unknown_word_is_refused_with_the_known_ones(path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match="There are"):
        Tape(path, **wrong)


def test_several_answers_to_one_question_are_told_apart_by_their_sample_number(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    simulator.script(["heads", "tails", "edge"])
    session.tape = Tape(path)
    told = [session.ask("Toss a coin.", model="here/swift", sample=n).text for n in (1, 2)]
    again = replaying(path)
    assert told == ["heads", "tails"]
    assert [again.ask("Toss a coin.", model="here/swift", sample=n).text for n in (2, 1)] == [
        "tails",
        "heads",
    ]


def test_asked_again_without_a_number_the_same_question_gets_the_same_answer(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    simulator.script(["heads", "tails"])
    session.tape = Tape(path)
    assert [session.ask("Toss a coin.", model="here/swift").text for _ in range(3)] == ["heads"] * 3


# -- what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["status=400", "eof=3", "drop=3", "error=3", "malformed=3"])
def test_a_call_that_failed_is_not_kept(session: llmkit.Session, path: Path, fault: str) -> None:
    session.tape = Tape(path)
    with pytest.raises(LLMKitError):
        session.ask("hello", model=f"here/swift@{fault}")
    assert not path.exists()


def test_a_call_that_was_stopped_is_not_kept(session: llmkit.Session, path: Path) -> None:
    session.tape = Tape(path)
    stream = session.stream("hello", model="here/bench:tokens=4000,rate=200,ttft=0")
    for event in stream:
        if isinstance(event, Text):
            stream.stop()
    assert isinstance(stream.error, Aborted)
    assert not path.exists()


def test_the_answer_after_a_retry_is_kept_without_the_retry(session: llmkit.Session, path: Path) -> None:
    session.tape = Tape(path)
    reply = session.ask("hello", model="here/swift@fails=503:1:tape-retry")
    assert reply.attempts == 2
    kinds = {beat[1] for beat in json.loads(path.read_text("utf-8"))["beats"]}
    assert kinds == {"text"}


def test_no_key_and_no_address_is_in_the_file(
    session: llmkit.Session, simulator: Simulator, path: Path
) -> None:
    simulator.script([f"Your key is {KEY}, isn't it?"])
    session.tape = Tape(path)
    session.ask(f"My key is {KEY}.", model="here/swift")
    written = path.read_bytes()
    assert KEY.encode() not in written
    assert simulator.url.encode() not in written
    assert str(simulator.port).encode() + b"/" not in written
    session.tape = Tape(path, "replay")
    assert "•••" in session.ask(f"My key is {KEY}.", model="here/swift").text


def test_the_file_is_one_sorted_line_a_call_in_plain_unicode(session: llmkit.Session, path: Path) -> None:
    record(session, path, "zebra", "Größe — 大きさ", "apple")
    lines = path.read_text("utf-8").split("\n")
    assert lines.pop() == ""
    assert lines == sorted(lines)
    assert len(lines) == 3
    assert any("Größe — 大きさ" in line for line in lines)
    for line in lines:
        assert list(json.loads(line)) == ["asked", "beats", "key", "reply", "version"]


def test_recording_one_more_call_adds_one_line_and_changes_no_other(
    session: llmkit.Session, path: Path
) -> None:
    record(session, path, "one", "two")
    before = set(path.read_text("utf-8").splitlines())
    record(session, path, "one", "three")
    after = set(path.read_text("utf-8").splitlines())
    assert before < after
    assert len(after - before) == 1


@pytest.mark.parametrize(
    "text", ["line\u2028separator", "form\x0cfeed", "next\x85line", "half \ud83d pair", "\x00"]
)
def test_what_looks_like_a_line_end_or_is_half_a_letter_comes_back_as_it_was(path: Path, text: str) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "parts": [{"type": "text", "text": text}]}]}
    Tape(path).keep(Recording(asked, ((0.0, Text(text)),), Reply(Message.assistant(text))))
    found = Tape(path, "replay").find(asked)
    assert found is not None
    assert found.reply.text == text
    assert found.beats[0][1] == Text(text)


def test_every_kind_of_event_and_part_survives_the_file() -> None:
    beats = (
        (0.0, Thinking("hm")),
        (0.1, Text("a")),
        (0.2, ToolCallDelta(0, '{"x":', "f")),
        (0.3, ToolCall("1", "f", {"x": [1, {"y": None}]})),
        (0.4, ToolCall("2", "g", "not json")),
        (0.5, ToolResult("1", "f", "ok", is_error=True)),
    )
    reply = Reply(
        Message(
            "assistant", (ThinkingPart("hm", signature="s"), TextPart("a"), ToolCallPart("1", "f", {"x": 1}))
        ),
        usage=Usage(input=3, output=4, source="provider"),
        cost=Cost(Decimal("0.000123"), source="genai-prices", price_date="2026-11-20"),
        notes=("n",),
    )
    recording = Recording({"model": "m"}, beats, reply)
    assert Recording.from_json(json.loads(json.dumps(recording.to_json()))) == recording


def test_a_tool_call_is_replayed_as_one(session: llmkit.Session, simulator: Simulator, path: Path) -> None:
    simulator.script([Say(tools=[("get_weather", {"city": "Paris"})])])
    tool = llmkit.ToolSpec(
        "get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
    )
    [first] = record(session, path, "What is the weather?", tools=[tool])
    again = replaying(path).ask("What is the weather?", model="here/swift", tools=[tool])
    assert first.tool_calls
    assert again.tool_calls == first.tool_calls


# -- the file in trouble --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        '{"version": 99}',
        "[" * 5000,
        '{"version":1,"asked":{},"beats":[[]],"reply":{}}',
    ],
)
def test_a_line_that_is_no_call_is_named_by_its_number(
    session: llmkit.Session, path: Path, line: str
) -> None:
    record(session, path, "one")
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    with pytest.raises(ConfigError, match="line 2"):
        Tape(path)


def test_blank_lines_and_windows_line_ends_do_not_matter(session: llmkit.Session, path: Path) -> None:
    record(session, path, "one", "two")
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\n")) + b"\r\n\r\n")
    assert len(Tape(path)) == 2


def test_a_tape_that_cannot_be_written_costs_no_answer(session: llmkit.Session, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    session.tape = Tape(tmp_path / "later" / "tape.jsonl")
    session.tape.path = blocked / "tape.jsonl"
    assert session.ask("hello", model="here/swift").text
    assert [notice for notice in session.notices if "could not be kept" in notice]


def test_calls_side_by_side_are_all_kept(session: llmkit.Session, path: Path) -> None:
    session.tape = Tape(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: session.ask(f"question {n}", model="here/swift"), range(24)))
    assert len(Tape(path)) == 24
    assert list(path.parent.iterdir()) == [path]


def test_two_kernels_writing_one_tape_lose_no_line(path: Path, clean_environment: Path) -> None:
    code = """
import sys
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.engine.recording import Recording
from llmkit.engine.tape import Tape
tape = Tape(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for n in range(25):
    tape.keep(Recording({"model": f"{sys.argv[2]}-{n}"}, (), Reply(Message.assistant("x"))))
"""
    kernels = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b")
    ]
    for kernel in kernels:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == "ready\n"
    for kernel in kernels:
        _, complaint = kernel.communicate("go\n", timeout=60)
        assert kernel.returncode == 0, complaint
    assert len(Tape(path)) == 50


def test_tidying_removes_what_this_run_did_not_use(session: llmkit.Session, path: Path) -> None:
    record(session, path, "one", "two", "three")
    session.tape = Tape(path)
    session.ask("two", model="here/swift")
    assert session.tape.tidy() == 2
    assert [recording.prompt for recording in Tape(path)._calls.values()] == ["two"]


# -- the face -------------------------------------------------------------------------------------


def test_the_block_holds_for_the_default_session_and_then_is_over(path: Path) -> None:
    with llmkit.tape(path) as tape:
        assert llmkit.default_session().tape is tape
        llmkit.ask("hello", model="sim/swift")
    assert llmkit.default_session().tape is None
    assert len(Tape(path)) == 1


def test_a_plain_call_holds_from_now_on_until_none(path: Path) -> None:
    tape = llmkit.tape(path)
    assert llmkit.default_session().tape is tape
    llmkit.tape(None)
    assert llmkit.default_session().tape is None
    llmkit.tape(path)
    llmkit.tape(path, mode="off")
    assert llmkit.default_session().tape is None


def test_blocks_nest(tmp_path: Path) -> None:
    with llmkit.tape(tmp_path / "a.jsonl") as outer, llmkit.tape(tmp_path / "b.jsonl"):
        pass
    with llmkit.tape(tmp_path / "a.jsonl") as outer:
        with llmkit.tape(tmp_path / "b.jsonl"):
            pass
        assert llmkit.default_session().tape is outer


@pytest.mark.parametrize("mode", ["auto", "replay"])
def test_the_environment_may_name_the_tape(
    session: llmkit.Session, path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    record(session, path, "one")
    monkeypatch.setenv("LLMKIT_TAPE", f"{path}:{mode}" if mode != "auto" else str(path))
    named = llmkit.Session().tape
    assert named is not None
    assert (named.path, named.mode, len(named)) == (path, mode, 1)


def test_a_replay_that_can_not_be_shown_still_ends(session: llmkit.Session) -> None:
    class Broken(Shape):
        def read(self, text: str) -> Any:
            raise ZeroDivisionError("no")

    recording = Recording({"model": "m"}, ((0.0, Text("hi")),), Reply(Message.assistant("hi")))
    asked = as_request("hello", model="m", options={})
    replay = Playback(recording, asked, session.ledger, Labels(session.id), shape=Broken({}))
    *shown, last = replay.launch()
    assert shown == [Text("hi")]
    assert isinstance(last, Failed)
    assert "ZeroDivisionError" in last.error.why
    assert last.partial.text == "hi"
