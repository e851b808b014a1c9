"""The growing answer: quick to begin, seldom sent, never more than the page can take, once at the end."""

from __future__ import annotations

import pytest

from llmkit.core.errors import Aborted, BadRequest, RateLimited
from llmkit.core.events import Done, Failed, Rerouted, Retrying, ServerTool, Text, Thinking, ToolCall
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.notebook.compare_growing import Growing
from llmkit.notebook.live import LiveAnswer, mode_of, reason
from llmkit.notebook.static import reply_bundle
from llmkit.notebook.throttle import DUTY, SECONDS_PER_CHARACTER, Throttle


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Recorder:
    """Stands in for a display with an id."""

    def __init__(self, clock=None):
        self.clock = clock
        self.shown = []
        self.updates = []

    def show(self, bundle):
        self.shown.append(bundle)

    def update(self, bundle):
        self.updates.append((self.clock() if self.clock else 0, bundle))


def reply(text="Hello."):
    return Reply(Message.assistant(text), model="m")


def run(tokens, seconds_each, mode="live", text="word "):
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", mode=mode, output=output, clock=clock)
    answer.start()
    for _ in range(tokens):
        clock.now += seconds_each
        answer.take([Text(text)])
    answer.take([Done(reply(text * tokens))])
    answer.end(reply(text * tokens))
    return output, clock


def test_the_first_message_goes_out_before_anything_has_come():
    output = Recorder()
    LiveAnswer("m/x", output=output).start()
    assert "m/x" in output.shown[0]["text/html"]
    assert output.updates == []


def test_a_thousand_tokens_a_second_are_at_most_fifteen_messages_a_second():
    output, _ = run(4000, 0.001)
    assert len(output.shown) == 1
    assert 20 < len(output.updates) <= 4 * 15 + 2


def test_the_last_message_is_the_static_answer_in_the_same_place():
    output, _ = run(10, 0.01)
    assert output.updates[-1][1] == reply_bundle(reply("word " * 10))


def test_a_long_answer_takes_at_most_a_tenth_of_the_pages_time():
    output, clock = run(20_000, 0.002)
    growing = [bundle["text/html"] for _, bundle in output.updates[:-1]]
    spent = sum(frame.count("word") * len("word ") for frame in growing) * SECONDS_PER_CHARACTER
    assert spent <= (clock.now - 100) * DUTY + 0.5
    gaps = [b[0] - a[0] for a, b in zip(output.updates, output.updates[1:], strict=False)][:-1]
    assert gaps[-1] > gaps[0]


@pytest.mark.parametrize("text", ["some words here ", "- an *item* or two\n", "|a|b|\n|-|-|\n|1|2|\n\n"])
def test_a_long_answer_without_widgets_is_bounded_on_the_wire_whatever_its_markup(text):
    output, clock = run(5_000, 0.008, text=text)
    sent = sum(len(bundle["text/html"]) for _, bundle in output.updates[:-1])
    assert sent <= (clock.now - 100) * 400_000


def test_a_slow_page_is_sent_less():
    clock = Clock()
    throttle = Throttle(clock=clock)
    throttle.pushed(characters=10, seconds=0.3)
    clock.now += 2.9
    assert not throttle.ready()
    clock.now += 0.2
    assert throttle.ready()


def test_while_nothing_comes_the_line_moves_once_a_second():
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", output=output, clock=clock)
    answer.start()
    for _ in range(100):
        clock.now += 0.05
        answer.take([])
    assert 4 <= len(output.updates) <= 5
    assert "waiting" in output.updates[-1][1]["text/html"]


def test_a_token_that_came_too_early_is_shown_at_the_next_look():
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", output=output, clock=clock)
    answer.start()
    answer.take([Text("one ")])
    answer.take([Text("two")])
    assert "two" not in output.updates[-1][1]["text/html"]
    clock.now += 0.07
    answer.take([])
    assert "two" in output.updates[-1][1]["text/html"]


def test_final_is_one_message_and_none_is_no_message():
    final, _ = run(100, 0.01, mode="final")
    assert (len(final.shown), len(final.updates)) == (1, 0)
    nothing, _ = run(100, 0.01, mode="none")
    assert (len(nothing.shown), len(nothing.updates)) == (0, 0)


def test_an_answer_without_words_is_shown_at_the_end_too_but_not_a_call_that_gave_nothing():
    for ended, messages in ((reply(""), 1), (Reply(model="m", complete=False), 0)):
        output = Recorder()
        answer = LiveAnswer("m", mode="final", output=output)
        answer.start()
        answer.end(ended)
        assert len(output.shown) == messages


@pytest.mark.parametrize(
    ("pieces", "told"), [(["Hm"], "1 word"), (["Let ", "me th", "ink\n", "about it"], "5 words")]
)
def test_thoughts_are_counted_in_words_however_they_come(pieces, told):
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", output=output, clock=clock)
    answer.start()
    answer.take([*map(Thinking, pieces), Text("So.")])
    assert f"Thought for {told}<" in output.updates[-1][1]["text/html"]


def test_thinking_attempts_and_tools_are_told_while_they_happen():
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", output=output, clock=clock)
    answer.start()
    seen = []
    for event in (
        Thinking("Let me see."),
        Retrying(1, 2.0, RateLimited("Too fast.")),
        Rerouted("a", "b", "a is down"),
        ToolCall("1", "look_up", {}),
    ):
        clock.now += 1
        answer.take([event])
        seen.append(output.updates[-1][1]["text/html"])
    assert "Let me see." in seen[0]
    assert "Too fast. Attempt 2 in 2.0 s." in seen[1]
    assert "a → b: a is down" in seen[2]
    assert "asking for look_up" in seen[3]


def test_a_providers_own_tool_is_a_panel_from_its_first_sign_on():
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer("m", output=output, clock=clock)
    answer.start()
    seen = []
    asked = {"query": "sky"}
    for event in (
        Text("Let me look. "),
        ServerTool("s", "web_search", {}),
        ServerTool("s", "web_search", asked, "done", "Sky – https://sky.example"),
        Text("Blue."),
    ):
        clock.now += 1
        answer.take([event])
        seen.append(output.updates[-1][1]["text/html"])
    assert "web_search()" in seen[1]
    assert "running" in seen[1]
    assert seen[2].count("llmkit-tool") == 1, "the panel that was there is filled, no second one added"
    assert "query=&quot;sky&quot;" in seen[2]
    assert "Sky – https://sky.example" in seen[3]
    assert seen[3].index("Let me look.") < seen[3].index("web_search") < seen[3].index("Blue.")


def test_a_frame_of_a_hostile_answer_does_nothing(hostile, look):
    clock = Clock()
    output = Recorder(clock)
    answer = LiveAnswer(hostile, output=output, clock=clock)
    answer.start()
    for event in (
        Thinking(hostile),
        Retrying(1, 1.0, RateLimited(hostile)),
        Text(hostile),
        ToolCall("1", hostile, {}),
        ServerTool("2", hostile, {hostile: hostile}, "failed", hostile),
    ):
        clock.now += 1
        answer.take([event])
    for bundle in (output.shown[0], *(bundle for _, bundle in output.updates)):
        assert look(bundle["text/html"]).faults == []
        assert "\x1b" not in bundle["text/plain"]


def test_a_terminal_gets_text_as_it_comes_and_one_line_about_it():
    written = []
    answer = LiveAnswer("m", terminal=written.append)
    answer.start()
    for piece in ("Hel", "lo \x1b[3", "1mthere.\x07"):
        answer.take([Text(piece)])
    answer.end(reply("Hello there."))
    assert written[0] == "Hel"
    assert "".join(written) == "Hello there.\n— m · unpriced\n"


def test_a_terminal_in_final_mode_gets_it_once():
    written = []
    answer = LiveAnswer("m", mode="final", terminal=written.append)
    answer.start()
    answer.take([Text("Hello.")])
    assert written == []
    answer.end(reply())
    assert "".join(written) == "Hello.\n— m · unpriced\n"


def test_a_key_that_a_model_repeats_is_not_shown_while_it_comes_either(monkeypatch):
    key = "made-up-key-0123456789-of-a-test"
    monkeypatch.setenv("OPENAI_API_KEY", key)
    clock, output, written = Clock(), Recorder(), []
    page, terminal = LiveAnswer("m", output=output, clock=clock), LiveAnswer("m", terminal=written.append)
    growing = Growing()
    page.start()
    for event in (*map(Thinking, f"It is {key}."), *map(Text, f"Yours is {key}, or `{key}`, made-up")):
        clock.now += 10
        for shown in (page, terminal, growing):
            shown.take([event])
        now = output.updates[-1][1]["text/html"] + growing.html() + "".join(written)
        assert key[:4] not in now, event
    terminal.end(reply())
    assert "Yours is •••, or <code>•••</code>" in growing.html()
    assert "Yours is •••, or `•••`, made-up\n" in "".join(written)
    assert key not in growing.finished(f"Yours is {key}, made-up").html()
    assert "made-up" in growing.finished(f"Yours is {key}, made-up").html()


def test_why_an_answer_ended_early_is_said_in_a_sentence():
    assert reason(Aborted("Stopped.")) == "Stopped. This is the answer as far as it came."
    assert reason(RateLimited("Too fast.", why="x")) == "Too fast. This is the answer as far as it came."


def test_a_stopped_answer_keeps_what_came():
    output = Recorder()
    answer = LiveAnswer("m", output=output)
    answer.start()
    partial = reply("Half an").with_(complete=False)
    answer.take([Text("Half an"), Failed(Aborted("Stopped."), partial)])
    answer.end(partial)
    assert "■ This is a partial answer." in output.updates[-1][1]["text/plain"]


@pytest.mark.parametrize(("setting", "environment", "mode"), [("", None, "live"), ("", "final", "final"), ("none", "final", "none"), ("", " FINAL ", "final")])  # fmt: skip
def test_the_setting_comes_before_the_environment(setting, environment, mode, monkeypatch):
    if environment is not None:
        monkeypatch.setenv("LLMKIT_DISPLAY", environment)
    assert mode_of(setting) == mode


def test_an_unknown_mode_is_an_error(monkeypatch):
    monkeypatch.setenv("LLMKIT_DISPLAY", "loud")
    with pytest.raises(BadRequest, match="no display mode 'loud'"):
        mode_of()


def test_an_answer_that_begins_anew_elsewhere_does_not_keep_the_old_words():
    clock, output = Clock(), Recorder()
    answer = LiveAnswer("a/x", output=output, clock=clock)
    answer.start()
    for event in (Text("half an"), Rerouted("a/x", "b/y", "It broke.", True), Text("the whole")):
        clock.now += 1
        answer.take([event])
    frames = [bundle["text/html"] for _, bundle in output.updates]
    assert "half an" in frames[0]
    assert "a/x → b/y: It broke." in frames[1]
    assert "half an" not in "".join(frames[1:])
    assert "the whole" in frames[2]
    assert "b/y" in frames[2], "the label is that of who writes"


def test_an_output_whose_first_sending_was_interrupted_can_be_ended(monkeypatch):
    from IPython.display import DisplayHandle

    from llmkit.notebook.live import DisplayOutput

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    sent = []
    output = DisplayOutput()
    with monkeypatch.context() as patch:
        patch.setattr(DisplayHandle, "display", interrupted)
        with pytest.raises(KeyboardInterrupt):
            output.show({"text/plain": "…"})
    monkeypatch.setattr(DisplayHandle, "update", lambda _, bundle, **__: sent.append(bundle))
    output.update({"text/plain": "interrupted"})
    assert sent == [{"text/plain": "interrupted"}]
