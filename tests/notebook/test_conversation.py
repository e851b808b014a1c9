"""A conversation of cells: what a cell goes on from, and what becomes of it when cells run again."""

from __future__ import annotations

import json
import re

import pytest

from llmkit.core.errors import BadRequest
from llmkit.core.messages import Message, ThinkingPart
from llmkit.core.reply import Reply, StopReason
from llmkit.models.catalogue import ModelFacts
from llmkit.notebook.conversation import Conversation, Turn, check_room, from_json, to_json, to_markdown

QUICK = "sim/swift"


def turn(words, cell=None, run=None, **more):
    reply = Reply(Message.assistant(f"on {words}"), stop_reason=StopReason("stop"), simulated=True)
    return Turn(Message.user(words), reply, model="sim/swift", cell=cell, run=run, **more)


TALK = Conversation((turn("one", "a", 1), turn("two", "b", 2), turn("three", "c", 3)))


# -- the value ------------------------------------------------------------------------------------


def test_a_cell_that_runs_again_goes_on_from_what_was_before_it():
    assert [t.asked.text for t in TALK.before("b", 4).turns] == ["one"]
    assert TALK.before("a", 4).turns == ()
    assert TALK.before("new", 4) is TALK
    assert TALK.before(None, 4) is TALK


def test_turns_of_the_same_run_of_a_cell_follow_each_other():
    assert TALK.before("c", 3) is TALK


def test_questions_and_answers_are_sent_in_turn():
    assert [(m.role, m.text) for m in TALK.first(1).messages("sim/swift")] == [
        ("user", "one"),
        ("assistant", "on one"),
    ]


def test_thoughts_go_back_only_to_the_model_that_had_them():
    thought = Reply(
        Message.assistant(ThinkingPart("hm", signature="s"), "yes"), stop_reason=StopReason("stop")
    )
    talk = Conversation((Turn(Message.user("q"), thought, model="a/m"),))
    assert talk.messages("a/m")[1] == thought.message
    assert talk.messages("b/m")[1] == Message.assistant("yes")
    cut = Conversation((Turn(Message.user("q"), thought.with_(complete=False), model="a/m"),))
    assert cut.messages("a/m")[1] == Message.assistant("yes")


def test_it_is_written_and_read_again_without_its_runs():
    again = from_json(json.loads(json.dumps(to_json(TALK))))
    assert [t.asked for t in again.turns] == [t.asked for t in TALK.turns]
    assert [t.reply.text for t in again.turns] == ["on one", "on two", "on three"]
    assert len(again.before("b", 2).turns) == 1


@pytest.mark.parametrize(
    "plain", [None, [], {}, {"format": "llmkit-conversation", "version": 9}, {"format": "llmkit-conversation", "version": 1, "turns": [{}]}]
)  # fmt: skip
def test_what_is_no_conversation_is_refused(plain):
    with pytest.raises(BadRequest):
        from_json(plain)


def test_markdown_is_to_be_read():
    text = to_markdown(Conversation((turn("one", system="Be terse"),)), "Talk")
    assert (
        text
        == "# Talk\n\n**System:** Be terse\n\n## 1. Question\n\none\n\n## 1. sim/swift (simulated)\n\non one\n"
    )


def test_what_cannot_fit_is_refused_and_what_may_not_is_told():
    small = ModelFacts(provider="p", model="m", known=True, context_window=1_000)
    assert check_room(small, 1_000, None, 3) == ""
    assert "may not fit" in check_room(small, 1_200, None, 3)
    with pytest.raises(BadRequest, match="--no-history"):
        check_room(small, 2_000, None, 3)
    with pytest.raises(BadRequest, match="shorten"):
        check_room(small, 900, 800, 0)
    assert check_room(ModelFacts(provider="p", model="m"), 10**9, None, 3) == ""


# -- in a kernel ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def afresh(request):
    if "kernel" in request.fixturenames:
        request.getfixturevalue("kernel").run(
            "talks = get_ipython().magics_manager.registry['LLMMagics'].conversations\ntalks.clear()"
        )


def ask(kernel, prompt, line="", cell=None):
    return kernel.run(f"%%llm {QUICK} {line}\n{prompt}", cell=cell)


def questions(kernel, name=""):
    return kernel.value(f"[t.asked.text for t in getattr(talks.get({name!r}), 'turns', ())]")


def test_a_cell_goes_on_from_the_cells_before(kernel):
    ask(kernel, "What is the capital of Norway?", cell="a")
    alone = kernel.value("_llm.usage.total_input")
    ask(kernel, "What is the capital of Norway?", cell="b")
    assert kernel.value("_llm.usage.total_input") > alone
    assert questions(kernel) == ["What is the capital of Norway?"] * 2


def test_a_cell_that_runs_again_replaces_its_turn_and_drops_what_followed(kernel):
    for cell, prompt in (("a", "one"), ("b", "two"), ("c", "three")):
        ask(kernel, prompt, cell=cell)
    ran = ask(kernel, "another", cell="b")
    assert questions(kernel) == ["one", "another"]
    assert (
        ran.stdout
        == "note: This cell's turn is asked anew; the turn that followed from it is dropped from the conversation.\n"
    )


def test_a_call_that_gave_nothing_leaves_the_conversation_as_it_was(kernel):
    ask(kernel, "one", cell="a")
    ask(kernel, "two", cell="b")
    assert kernel.run("%%llm sim/swift@status=401\nanother", cell="a").status == "error"
    assert questions(kernel) == ["one", "two"]


def test_a_partial_answer_is_a_turn(kernel):
    kernel.run("%%llm sim/sage@eof=30\nWhy is the sky blue?", cell="a")
    assert kernel.value("[t.reply.complete for t in talks[''].turns]") == [False]


def test_named_conversations_are_apart(kernel):
    ask(kernel, "one")
    ask(kernel, "other", "-c side")
    ask(kernel, "more", "-c side")
    assert (questions(kernel), questions(kernel, "side")) == (["one"], ["other", "more"])


def test_new_starts_over(kernel):
    ask(kernel, "one")
    ask(kernel, "two", "--new")
    assert questions(kernel) == ["two"]


def test_no_history_asks_alone(kernel):
    ask(kernel, "one")
    ask(kernel, "aside", "--no-history")
    assert questions(kernel) == ["one"]
    kernel.run("%config LLMKit.history = False")
    ask(kernel, "aside")
    kernel.run("%config LLMKit.history = True")
    assert questions(kernel) == ["one"]


def test_a_line_stands_alone_unless_it_names_a_conversation(kernel):
    kernel.run(f"%llm -q -m {QUICK} one")
    assert questions(kernel) == []
    kernel.run(f"for n in range(3):\n    %llm -q -c loop -m {QUICK} number {{{{ n }}}}", cell="a")
    assert questions(kernel, "loop") == ["number 0", "number 1", "number 2"]
    kernel.run(f"for n in range(2):\n    %llm -q -c loop -m {QUICK} again {{{{ n }}}}", cell="a")
    assert questions(kernel, "loop") == ["again 0", "again 1"]


def test_a_system_prompt_holds_until_another_is_given(kernel):
    ask(kernel, "one", "-s 'Be terse'")
    ran = ask(kernel, "two", "--dry-run")
    assert "[system]\nBe terse\n" in ran.stdout
    ran = ask(kernel, "two", "-s 'Be kind' --dry-run")
    assert "[system]\nBe kind\n" in ran.stdout


def test_a_conversation_that_cannot_fit_is_refused_whole(kernel):
    kernel.run("long = 'word ' * 150_000")
    before = kernel.value("len(llmkit.usage(simulated=True))")
    ask(kernel, "one")
    ran = ask(kernel, "{{ long }}", "--raw --dry-run")
    assert ran.status == "ok"
    kernel.run(
        "from llmkit.core.messages import Message\n"
        "from llmkit.notebook.conversation import Turn\nfrom dataclasses import replace\n"
        "talks[''] = talks[''].then(replace(talks[''].turns[0], asked=Message.user(long * 4)))"
    )
    ran = ask(kernel, "go on")
    assert ran.error["ename"] == "ContextOverflow"
    for choice in ("--new", "--no-history", "%llm chat fork", "a larger window", "Nothing was sent"):
        assert choice in "".join(ran.error["traceback"])
    assert kernel.value("len(talks[''].turns)") == 2  # and nothing was left out
    assert kernel.value("len(llmkit.usage(simulated=True))") == before + 1


# -- %llm chat ------------------------------------------------------------------------------------


def test_chat_shows_the_turns_and_reset_forgets_them(kernel):
    assert (
        kernel.run("%llm chat").outputs[0]["text/plain"] == "This notebook's conversation has no turns yet."
    )
    ask(kernel, "What is the capital of Norway?")
    (shown,) = kernel.run("%llm chat").outputs
    first = shown["text/plain"].splitlines()[1]
    assert first.startswith(
        "1  What is the capital of Norway?  The capital of Norway is **Oslo**.  sim/swift"
    )
    assert first.endswith("simulated")
    assert "<table" in shown["text/html"]
    assert "(1 turn forgotten)" in kernel.run("%llm reset").outputs[0]["text/plain"]
    assert questions(kernel) == []


def test_a_conversation_is_kept_in_a_file_and_loaded(kernel, tmp_path):
    for prompt in ("one", "two", "three"):
        ask(kernel, prompt)
    assert kernel.run(f"%llm chat export {tmp_path}/talk.json").status == "ok"
    assert kernel.run(f"%llm chat export {tmp_path}/talk.md").status == "ok"
    assert kernel.run(f"%llm chat load {tmp_path}/talk.json again").status == "ok"
    assert kernel.run("%llm chat fork side 2").status == "ok"
    assert questions(kernel, "again") == ["one", "two", "three"]
    assert questions(kernel, "side") == ["one", "two"]
    assert "## 3. Question\n\nthree\n" in (tmp_path / "talk.md").read_text("utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.json", "talk.md"]


def test_a_name_that_has_turns_is_not_written_over(kernel, tmp_path):
    ask(kernel, "one")
    ask(kernel, "other", "-c side")
    kernel.run(f"%llm chat export {tmp_path}/talk.json")
    for words in ("fork side", f"load {tmp_path}/talk.json side", f"load {tmp_path}/talk.json"):
        ran = kernel.run(f"%llm chat {words}")
        assert ran.error["ename"] == "BadRequest"
        assert "%llm reset" in "".join(ran.error["traceback"])
    assert questions(kernel, "side") == ["other"]
    assert "Did you mean 'side'?" in "".join(kernel.run("%llm reset sid").error["traceback"])


def test_a_chat_of_python_and_a_conversation_of_cells_read_each_others_files(kernel, tmp_path):
    ask(kernel, "one")
    kernel.run(f"%llm chat export {tmp_path}/cells.json")
    kernel.run(
        f"chat = llmkit.Chat.load('{tmp_path}/cells.json')\nchat.ask('two')\nchat.save('{tmp_path}/chat.json')"
    )
    assert kernel.run(f"%llm chat load {tmp_path}/chat.json grown").status == "ok"
    assert questions(kernel, "grown") == ["one", "two"]


@pytest.mark.parametrize("words", ["export talk.txt", "load nothing.json", "export /dev/null/where.md"])
def test_what_cannot_be_kept_or_loaded_is_told(kernel, words):
    ask(kernel, "one")
    ran = kernel.run(f"%llm chat {words}")
    assert ran.error["ename"] == "BadRequest"
    assert questions(kernel) == ["one"]


@pytest.mark.parametrize("words", ["chat export", "chat load a b c d", "chat fork", "chatt", "help me"])
def test_a_malformed_command_earns_three_lines(kernel, words):
    ran = kernel.run(f"%llm {words}")
    assert ran.stderr.count("\n") == 3
    assert "Usage: %llm" in ran.stderr


@pytest.mark.parametrize("words", ["reset the password", "-- reset", "help me to write"])
def test_a_prompt_may_begin_with_the_word_of_a_command(kernel, words):
    kernel.run(f"%llm -q -c side -m {QUICK} -- {words}")
    ran = kernel.run(f"%llm {words}")
    assert ran.outputs[0]["text/plain"].endswith("simulated")


# -- looking before sending -----------------------------------------------------------------------


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(kernel):
    kernel.run("name = 'Ada'")
    before = kernel.value("len(llmkit.usage(simulated=True))")
    ran = ask(kernel, "Greet {{ name }}.", "--dry-run -s 'Be terse' --max-tokens 100")
    assert ran.status == "ok"
    assert ran.outputs == []
    written, figures = ran.stdout.split("[user]\nGreet Ada.\n\n")
    assert written == "Dry run: nothing was sent. To sim/swift:\n\n[system]\nBe terse\n\n"
    tokens, cost = figures.splitlines()
    assert re.fullmatch(r"tokens in: \d+ \(a guess.*, ±\d+%\)", tokens)
    assert re.fullmatch(
        r"cost: at least ~\$[\d.]+ for the question alone, at most ~\$[\d.]+ with 100 tokens of answer "
        r"\(the limit that is sent\) \(simulated: no money\)",
        cost,
    )
    assert kernel.value("len(llmkit.usage(simulated=True))") == before
    assert questions(kernel) == []


def test_a_dry_run_needs_no_key_and_says_what_is_unknown(kernel):
    ran = kernel.run("%%llm openai/nobody-knows-it --dry-run\nHello")
    assert "cost: unpriced\nThere is no API key for openai.\n" in ran.stdout


def test_a_budget_that_does_not_reach_stops_the_call(kernel):
    kernel.run("import os; os.environ['ANTHROPIC_API_KEY'] = 'made-up-for-a-test'")
    ran = kernel.run("%%llm sonnet --budget 0.000001\nHello")
    kernel.run("del os.environ['ANTHROPIC_API_KEY']")
    assert ran.error["ename"] == "BudgetExceeded"
    assert "Nothing was sent" in "".join(ran.error["traceback"])


@pytest.mark.parametrize(
    ("line", "says"),
    [("--budget 0", "--budget"), ("--no-history -c x", "-c"), ("-c 'a b'", "'a b'"), ("--new --no-history", "--new")],
)  # fmt: skip
def test_a_malformed_line_is_told(kernel, line, says):
    ran = ask(kernel, "hi", line)
    assert says in ran.stderr
    assert "Usage" in ran.stderr


def test_a_misspelt_option_is_answered_with_the_nearest(kernel):
    ran = kernel.run("%%llm sage --otput x\nHello")
    assert "Did you mean --out?\n" in ran.stderr
