"""``Chat``: a conversation goes on, with any model; is forked, edited, replayed, shortened, saved and loaded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

import llmkit
from llmkit.core.errors import AuthError, BadRequest, ContextOverflow
from llmkit.core.messages import ImagePart, Message, ThinkingPart, ToolCallPart
from llmkit.engine.conversation import FORMAT, VERSION
from llmkit.sim import Say, Simulator

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
KEPT = Path(__file__).parent / "data"
WIRES = {
    "claude": {"type": "anthropic"},
    "gemini": {"type": "gemini"},
    "chat": {"type": "openai", "api": "chat"},
    "responses": {"type": "openai", "api": "responses"},
}
#: The room of "claude/small", in tokens.
ROOM = 400


@pytest.fixture(scope="module")
def simulator():
    with Simulator(pace="instant") as running:
        yield running


@pytest.fixture
def session(simulator):
    simulator.reset()
    providers = {
        name: {**fields, "base_url": simulator.url + ("/v1" if "api" in fields else ""), "api_key": "k" * 20}
        for name, fields in WIRES.items()
    }
    small = {"context_window": ROOM, "max_output": 100}
    return llmkit.Session({"providers": providers, "models": {"claude/sage": small}})


@pytest.fixture
def chat(session):
    return llmkit.Chat("chat/swift", session=session)


def questions(chat):
    return [turn.asked.text for turn in chat.turns]


def sent(simulator):
    """The last request, as JSON text."""
    return json.dumps(simulator.settled()[-1].json, ensure_ascii=False)


class TestGoingOn:
    def test_every_question_goes_with_what_was_said_before(self, chat, simulator):
        simulator.script(["Hello, Ada.", "Ada."])
        chat.ask("I am Ada.")
        assert chat.ask("Who am I?").text == "Ada."
        assert [message["content"] for message in simulator.settled()[-1].json["messages"]] == [
            "I am Ada.",
            "Hello, Ada.",
            "Who am I?",
        ]

    def test_the_system_prompt_tools_and_options_hold_for_all_unless_a_question_says_otherwise(
        self, session, simulator
    ):
        chat = llmkit.Chat("chat/swift", system="Be terse.", session=session, temperature=0.5)
        chat.ask("one")
        assert "Be terse." in sent(simulator)
        chat.ask("two", temperature=0.1, system="Be verbose.")
        assert simulator.settled()[-1].json["temperature"] == 0.1
        assert "Be verbose." in sent(simulator)

    def test_a_stream_adds_its_turn_when_it_has_been_read(self, chat):
        stream = chat.stream("hello")
        assert len(chat) == 0
        events = list(stream)
        assert isinstance(events[-1], llmkit.Done)
        assert questions(chat) == ["hello"]

    async def test_it_is_awaited(self, chat):
        reply = await asyncio.wait_for(chat.stream("hello"), 60)
        assert chat.turns[0].reply == reply

    def test_a_call_that_fails_leaves_it_as_it_was(self, chat, simulator):
        chat.ask("one")
        simulator.script([Say(fault="status=401"), "again"])
        with pytest.raises(AuthError):
            chat.ask("two")
        assert questions(chat) == ["one"]
        assert chat.ask("two").text == "again"

    @pytest.mark.parametrize("how", ["stopped", "left"])
    def test_an_answer_that_was_stopped_keeps_what_came(self, session, how):
        chat = llmkit.Chat("sim/bench:tokens=5000,rate=200,ttft=0", session=session)
        stream = chat.stream("hello")
        for event in stream:
            if isinstance(event, llmkit.Text):
                if how == "left":
                    break
                stream.stop()
        chat.ask("go on", model="chat/swift")
        assert questions(chat) == ["hello", "go on"]
        first = chat.turns[0].reply
        assert first.text
        assert not first.complete

    def test_one_answer_at_a_time_is_written(self, session, simulator):
        chat = llmkit.Chat("sim/bench:tokens=5000,rate=200,ttft=0", session=session)
        stream = chat.stream("hello")
        with pytest.raises(BadRequest, match="still being answered"):
            chat.ask("and?", model="chat/swift")
        assert (len(chat), simulator.attempts) == (0, 0)
        stream.close()
        chat.ask("and?", model="chat/swift")
        assert questions(chat)[-1] == "and?"

    def test_nothing_is_edited_while_an_answer_is_written(self, session, simulator):
        chat = llmkit.Chat("sim/bench:tokens=5000,rate=200,ttft=0", session=session)
        chat.ask("hello", model="chat/swift")
        stream = chat.stream("and?")
        asked = simulator.attempts
        with pytest.raises(BadRequest, match="still being answered"):
            chat.edit(0, "good morning", model="chat/swift")
        assert simulator.attempts == asked
        stream.close()
        assert questions(chat)[0] == "hello"

    def test_a_stream_that_was_dropped_holds_nothing_up(self, session):
        chat = llmkit.Chat("sim/bench:tokens=5000,rate=200,ttft=0", session=session)
        chat.stream("hello")
        chat.ask("and?", model="chat/swift")
        assert questions(chat) == ["and?"]

    def test_an_answer_that_came_while_nobody_read_is_taken_in(self, chat):
        stream = chat.stream("hello")
        assert stream.settled(30)
        assert chat.ask("and?").text
        assert questions(chat) == ["hello", "and?"]

    @pytest.mark.parametrize(
        "prompt",
        [
            "",
            [],
            [{"role": "user", "content": "hi"}, {"role": "user", "content": "ho"}],
            Message.assistant("x"),
        ],
    )
    def test_what_is_no_single_question_is_refused(self, chat, prompt, simulator):
        with pytest.raises(BadRequest):
            chat.ask(prompt)
        assert simulator.attempts == 0


class TestBranches:
    def test_a_fork_goes_its_own_way(self, chat):
        chat.ask("one"), chat.ask("two")
        other, shorter = chat.fork(), chat.fork(1)
        other.ask("three")
        assert (len(chat), len(other), len(shorter)) == (2, 3, 1)

    def test_an_edited_question_is_asked_anew_and_what_followed_is_dropped(self, chat):
        for text in ("one", "two", "three"):
            chat.ask(text)
        chat.edit(1, "zwei")
        assert questions(chat) == ["one", "zwei"]
        chat.edit(-1, "deux")
        assert questions(chat) == ["one", "deux"]

    def test_an_edit_that_fails_drops_nothing(self, chat, simulator):
        chat.ask("one"), chat.ask("two")
        simulator.script([Say(fault="status=401")])
        with pytest.raises(AuthError):
            chat.edit(0, "eins")
        assert questions(chat) == ["one", "two"]
        with pytest.raises(BadRequest, match="no turn 7"):
            chat.edit(7, "x")

    def test_a_replay_asks_another_model_the_same_questions(self, chat):
        chat.ask("one"), chat.ask("two")
        again = chat.replay("responses/sage")
        assert questions(again) == ["one", "two"]
        assert [turn.model for turn in again.turns] == ["responses/sage"] * 2
        assert [turn.model for turn in chat.turns] == ["chat/swift"] * 2


class TestMoney:
    def test_cost_and_tokens_are_those_of_all_turns(self, chat):
        one, two = chat.ask("one"), chat.ask("two")
        assert chat.cost.amount == one.cost.amount + two.cost.amount
        assert chat.usage.output == one.usage.output + two.usage.output

    def test_before_the_first_question_it_is_not_nothing_but_unknown(self, chat):
        assert chat.cost.amount is None


def look_up(city: str) -> str:
    "The weather in a city."
    return f"21 °C in {city}"


class TestAcrossProviders:
    @pytest.fixture
    def begun(self, session, simulator):
        """A talk with Claude that holds thoughts, a picture, a call of a tool and its result."""
        chat = llmkit.Chat("claude/sage", tools=[look_up], session=session, think="low")
        simulator.script(
            [Say(thinking="Hm.", tools=[("look_up", {"city": "Oslo"})]), Say("It is 21 °C.", thinking="Ah.")]
        )
        chat.model = "claude/scholar"
        chat.ask([ImagePart(PNG), "Is it warm there?"])
        parts = [part for step in chat.turns[0].reply.steps for part in step.reply.message.parts]
        assert any(isinstance(part, ThinkingPart) and part.signature for part in parts)
        assert any(isinstance(part, ToolCallPart) for part in parts)
        return chat

    @pytest.mark.parametrize(
        "place", ["gemini/scholar", "gemini/gemini-3.8-flash", "chat/scholar", "responses/scholar"]
    )
    def test_text_pictures_and_the_history_of_tools_go_along_and_thoughts_stay(self, begun, simulator, place):
        signature = next(
            part.signature
            for part in begun.turns[0].reply.steps[0].reply.message.parts
            if isinstance(part, ThinkingPart)
        )
        simulator.script(["Take a coat."])
        begun.model = place
        assert begun.ask("And tomorrow?").text == "Take a coat."
        body = sent(simulator)
        for kept in ("Is it warm there?", "look_up", "Oslo", "21 °C in Oslo", "It is 21 °C.", "iVBORw0KGgo"):
            assert kept in body
        for left in ("Hm.", signature):
            assert left not in body
        simulator.script(["Yes."])
        begun.model = "claude/scholar"
        begun.ask("Sure?")
        assert signature in sent(simulator)

    def test_a_saved_talk_goes_on_at_claude_without_its_tools(self, begun, simulator, tmp_path, session):
        again = llmkit.Chat.load(begun.save(tmp_path / "talk.json"), session=session)
        simulator.script(["Cold."])
        again.ask("And tomorrow?")
        assert simulator.settled()[-1].json["tool_choice"] == {"type": "none"}
        assert "21 °C in Oslo" in sent(simulator)

    def test_a_picture_that_a_model_made_goes_to_the_next_one_as_the_users(self, session, simulator):
        from llmkit.core.reply import Reply, StopReason
        from llmkit.engine.conversation import Conversation, Turn

        drawn = Reply(Message.assistant("Here.", ImagePart(PNG)), stop_reason=StopReason("stop"))
        messages = Conversation((Turn(Message.user("Draw."), drawn, model="a/m"),)).messages("b/m")
        assert [message.role for message in messages] == ["user", "assistant", "user"]
        assert ImagePart(PNG) in messages[2].parts
        for place in WIRES:
            session.ask([*messages, Message.user("What is on it?")], model=f"{place}/scholar")


class TestTheWindow:
    @pytest.fixture
    def long(self, session, simulator):
        """Six turns of some 120 tokens each, with a model that reads 400."""

        def make(trim):
            simulator.script(lambda ask: "word " * 100)
            chat = llmkit.Chat("chat/swift", trim=trim, session=session)
            for number in range(6):
                chat.ask(f"question {number}")
            chat.model = "claude/sage"
            return chat

        return make

    def test_what_cannot_fit_is_refused_before_anything_is_sent(self, long, simulator):
        chat = long("none")
        before = simulator.attempts
        with pytest.raises(ContextOverflow, match="does not fit claude/sage") as caught:
            chat.ask("and now?")
        assert simulator.attempts == before
        assert 'trim="oldest"' in caught.value.hint
        assert len(str(caught.value).splitlines()) == 3
        assert len(chat) == 6

    def test_the_oldest_turns_are_left_out_where_that_was_chosen_and_it_is_said(self, long, simulator):
        chat = long("oldest")
        chat.ask("and now?")
        body = sent(simulator)
        assert "question 0" not in body
        assert "question 5" in body
        assert questions(chat)[0] == "question 0"
        assert "left out" in chat.notes[0]
        assert chat.notes[0] in chat.session.news()

    @pytest.mark.parametrize("trim", ["oldest", lambda turns, room: turns[1:]])
    def test_thoughts_stay_behind_where_what_stood_before_them_was_left_out(self, session, simulator, trim):
        simulator.script(lambda ask: Say("word " * 120, thinking="Hm."))
        chat = llmkit.Chat("claude/scholar", trim=trim, session=session, think="low")
        for number in range(4):
            chat.ask(f"question {number}")
        assert '"thinking": "Hm."' in sent(simulator)
        tight = {"context_window": ROOM, "max_output": 100}
        chat.session = llmkit.Session(
            {
                "providers": {
                    "claude": {"type": "anthropic", "base_url": simulator.url, "api_key": "k" * 20}
                },
                "models": {"claude/scholar": tight},
            }
        )
        chat.ask("and now?")
        assert "question 0" not in sent(simulator)
        assert "question 3" in sent(simulator)
        assert '"thinking": "Hm."' not in sent(simulator)

    def test_a_summary_takes_the_place_of_the_oldest_where_that_was_chosen(self, session, simulator):
        simulator.script(lambda ask: "SUMMARY" if ask.prompt.startswith("Summarise") else "word " * 400)
        chat = llmkit.Chat("chat/swift", trim="summarise", session=session)
        for number in range(8):
            chat.ask(f"question {number}")
        roomy = llmkit.Session(
            {
                "providers": {
                    "claude": {"type": "anthropic", "base_url": simulator.url, "api_key": "k" * 20}
                },
                "models": {"claude/sage": {"context_window": 2500, "max_output": 100}},
            }
        )
        chat.session, chat.model = roomy, "claude/sage"
        spent = chat.usage.output
        chat.ask("and now?")
        body = sent(simulator)
        assert "SUMMARY" in body
        assert "question 0" not in body
        assert "and now?" in body
        assert "summed up" in chat.notes[0]
        assert chat.usage.output > spent + chat.turns[-1].reply.usage.output
        asked = simulator.attempts
        chat.ask("again?")  # one more call, or two where one more turn had to go
        assert simulator.attempts - asked <= 2

    def test_a_function_chooses(self, long, simulator):
        chat = long(lambda turns, room: turns[-1:] if room == ROOM else [])
        chat.ask("and now?")
        body = sent(simulator)
        assert ("question 4" in body, "question 5" in body) == (False, True)

    def test_a_question_that_is_too_long_by_itself_is_refused_by_all(self, long, simulator):
        for trim in ("none", "oldest", "summarise"):
            chat = long(trim)
            before = simulator.attempts
            with pytest.raises(ContextOverflow):
                chat.fork(0).ask("word " * 2_000)
            assert simulator.attempts == before

    def test_a_strategy_that_there_is_not_is_refused(self):
        with pytest.raises(BadRequest, match="none, oldest, summarise"):
            llmkit.Chat(trim="newest")


class TestKeeping:
    def test_it_is_loaded_as_it_was_saved(self, session, tmp_path, simulator):
        chat = llmkit.Chat("chat/swift", system="Be terse.", trim="oldest", session=session, temperature=0.5)
        chat.ask([ImagePart(PNG), "What is this?"])
        again = llmkit.Chat.load(chat.save(tmp_path / "talk.json"), session=session)
        assert (again.model, again.system, again.trim, again.options) == (
            chat.model, chat.system, chat.trim, chat.options,
        )  # fmt: skip
        assert [t.asked for t in again.turns] == [t.asked for t in chat.turns]
        assert [t.reply for t in again.turns] == [t.reply for t in chat.turns]
        assert again.cost == chat.cost

    @pytest.mark.parametrize("file", sorted(KEPT.glob("conversation-*.json")), ids=lambda path: path.stem)
    def test_what_an_earlier_version_wrote_is_read_and_gone_on_from(self, file, session, simulator):
        chat = llmkit.Chat.load(file, session=session)
        assert [turn.model for turn in chat.turns] == ["claude/scholar", "gemini/sage"]
        assert chat.turns[0].reply.steps[0].results[0].content == "21 °C in Oslo"
        assert ImagePart(PNG) in chat.turns[0].asked.parts
        for place in WIRES:
            simulator.script(["Yes."])
            assert chat.ask("Still?", model=f"{place}/scholar").text == "Yes."
            assert "21 °C in Oslo" in sent(simulator)

    def test_there_is_a_file_of_every_version(self):
        assert [
            json.loads((KEPT / f"conversation-{n}.json").read_text("utf-8"))["version"]
            for n in range(1, VERSION + 1)
        ]

    def test_what_a_notebook_exported_is_read(self, session, chat):
        chat.ask("one")
        plain = {key: value for key, value in chat.to_json().items() if key != "chat"}
        assert (plain["format"], set(plain)) == (FORMAT, {"format", "version", "turns"})
        assert llmkit.Chat.from_json(plain, session=session).model == "chat/swift"

    @pytest.mark.parametrize(
        "text",
        [
            "no json",
            "[]",
            '{"format": "llmkit-conversation", "version": 99, "turns": []}',
            '{"format": "llmkit-conversation", "version": 1, "turns": [], "chat": {"trim": "newest"}}',
            '{"format": "llmkit-conversation", "version": 1, "turns": [], "chat": {"options": 3}}',
        ],
    )
    def test_anything_else_is_refused(self, tmp_path, text):
        file = tmp_path / "x.json"
        file.write_text(text, "utf-8")
        with pytest.raises(BadRequest):
            llmkit.Chat.load(file)

    def test_no_key_is_in_the_file(self, chat, tmp_path):
        chat.ask(f"My key is {'k' * 20}.")
        assert "k" * 20 not in chat.save(tmp_path / "talk.json").read_text("utf-8")


class TestOnAPage:
    def test_what_a_model_writes_does_nothing(self, chat, simulator):
        simulator.script(
            ["<script>alert(1)</script><img src=x onerror=alert(1)> ![x](https://evil.example/x.png)"]
        )
        chat.ask("<b onclick=x>hello</b>")
        page = chat._repr_html_()
        assert "<script" not in page
        assert "<img" not in page
        assert "<b onclick" not in page
        assert "hello" in page

    def test_its_text_says_how_long_it_is_and_what_it_cost(self, chat):
        assert repr(chat) == "<Chat with chat/swift: 0 turns, unpriced>"
        chat.ask("one")
        assert "1 turn" in repr(chat)
