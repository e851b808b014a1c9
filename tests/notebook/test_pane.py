"""The pane: offered where a page may be listening, used once it has answered, and gone at the end."""

from __future__ import annotations

import json

import pytest

from llmkit.core.errors import Aborted
from llmkit.core.events import Done, Failed, Rerouted, Text
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.notebook import pane as panes
from llmkit.notebook.live import STOPPED, LiveAnswer, answer_for, reason
from llmkit.notebook.pane import VIEW, Pane, offer
from llmkit.notebook.static import reply_bundle


class Comm:
    """Stands in for the line to a page."""

    comm_id = "c1"

    def __init__(self):
        self.sent = []
        self.states = []
        self.hear = None
        self.closed = False

    def on_msg(self, hear):
        self.hear = hear

    def send(self, data):
        if data["method"] == "custom":
            self.sent.append(data["content"])
        else:
            self.states.append(data["state"])

    def close(self):
        self.closed = True

    def say(self, said):
        self.hear({"content": {"data": {"method": "custom", "content": said}}})


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Recorder:
    def __init__(self):
        self.bundles = []

    def show(self, bundle):
        self.bundles.append(bundle)

    update = show


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """No kernel here: a closed comm has no manager that would warn of it."""
    monkeypatch.setattr(panes, "_keep_quiet", lambda comm: None)
    monkeypatch.setattr(panes, "_unanswered", 0)


@pytest.fixture
def comm():
    return Comm()


def page_of(patches):
    """What a page makes of patches."""
    frozen, rest = "", {}
    for number, patch in enumerate(patches):
        assert patch["n"] == number
        frozen = ("" if patch.get("whole") else frozen) + patch.get("add", "")
        before = rest.get("tail", "").encode("utf-16-le", "surrogatepass")[: 2 * patch.get("keep", 0)]
        rest.update({name: patch[name] for name in ("tail", "head", "line") if name in patch})
        if "tail" in patch:  # a page counts in UTF-16
            rest["tail"] = before.decode("utf-16-le", "surrogatepass") + patch["tail"]
    return frozen, rest


def tails(patches):
    """Every tail that a page shows, one after another."""
    return [page_of(patches[: at + 1])[1].get("tail", "") for at in range(len(patches))]


def streaming(comm, stop=lambda: None):
    """An answer that is being shown, a second in, with its pane offered."""
    clock, output = Clock(), Recorder()
    answer = LiveAnswer("m", output=output, offer=lambda stop: Pane(comm, stop), clock=clock)
    answer.start(stop)
    clock.now += 1
    answer.take([Text("One.\n\n")])
    return answer, output, clock


def test_until_the_page_has_said_hello_nothing_of_the_pane_is_seen(comm):
    answer, output, clock = streaming(comm)
    clock.now += 1
    answer.take([Text("Two.")])
    assert comm.sent == []
    assert all("text/html" in bundle for bundle in output.bundles)
    assert "Two." in output.bundles[-1]["text/html"]
    assert "interrupt" in output.bundles[-1]["text/html"]


def test_an_answered_pane_takes_the_outputs_place_with_all_there_is(comm):
    answer, output, clock = streaming(comm)
    comm.say({"say": "hello"})
    clock.now += 1
    answer.take([])
    assert output.bundles[-1][VIEW]["model_id"] == "c1"
    assert page_of(comm.sent)[1]["tail"] == "<p>One.</p>\n"
    assert "interrupt" not in page_of(comm.sent)[1]["line"]


def test_each_patch_holds_only_what_is_new(comm):
    answer, output, clock = streaming(comm)
    comm.say({"say": "hello"})
    for word in ("Two.\n\n", "Thr", "ee.\n\n", "Four."):
        clock.now += 0.1
        answer.take([Text(word)])
    shown = len(output.bundles)
    frozen, rest = page_of(comm.sent)
    assert frozen + rest["tail"] == "<p>One.</p>\n<p>Two.</p>\n<p>Three.</p>\n<p>Four.</p>\n"
    assert sum("One." in str(patch.get("add")) for patch in comm.sent) == 1
    clock.now += 0.01
    answer.take([Text(" Five.")])
    assert len(output.bundles) == shown


@pytest.mark.parametrize("word", ["word ", "wörd ", "𝒲𝓸𝓻𝓭 ", "🙂🙃", "日本語"])
def test_a_long_block_is_not_sent_again_for_every_word(comm, word):
    answer, _, clock = streaming(comm)
    comm.say({"say": "hello"})
    for _ in range(200):
        clock.now += 0.1
        answer.take([Text(word)])
    assert page_of(comm.sent)[1]["tail"] == f"<p>{(word * 200).strip()}</p>\n"
    assert sum(len(patch.get("tail", "")) for patch in comm.sent) < 200 * (len(word) + 12)


@pytest.mark.parametrize(
    "piece",
    [
        "and so on ",
        "- an *item* with more words in it\n",
        "```\nx = 1\n",
        "A paragraph of `words`.\n\n",
        "x" * 9,
    ],
)
def test_an_answer_of_twenty_thousand_tokens_is_under_two_megabytes_on_the_wire(comm, piece):
    answer, _, clock = streaming(comm)
    comm.say({"say": "hello"})
    for _ in range(20_000 // 20):  # 500 tokens a second, as batches of 40 ms
        clock.now += 0.04
        answer.take([Text(piece * (80 // len(piece)))])
    headers = 900 * len(comm.sent)
    assert headers + sum(len(json.dumps(patch)) for patch in comm.sent) < 2_000_000


def test_the_last_words_are_in_the_pane_before_the_static_form_is_made(comm):
    answer, output, clock = streaming(comm)
    comm.say({"say": "hello"})
    clock.now += 0.1
    answer.take([Text("Two")])
    answer.take([Text(" three."), Done(Reply(Message.assistant("One.\n\nTwo three."), model="m"))])
    _, rest = page_of(comm.sent)
    assert rest["tail"] == "<p>Two three.</p>\n"
    assert VIEW in output.bundles[-1]


def test_a_page_that_missed_something_is_sent_all_of_it_again(comm):
    answer, _, clock = streaming(comm)
    comm.say({"say": "hello"})
    for word in ("Two.\n\n", "Three.\n\n", "Four."):
        clock.now += 0.1
        answer.take([Text(word)])
    before = page_of(comm.sent)
    comm.say({"say": "hello"})
    clock.now += 0.1
    answer.take([Text("")])
    assert comm.sent[-1]["whole"] is True
    assert page_of(comm.sent) == before


def test_an_answer_that_begins_anew_leaves_nothing_of_the_old_one_in_the_page(comm):
    answer, _, clock = streaming(comm)
    comm.say({"say": "hello"})
    clock.now += 0.1
    answer.take([Text("Two.\n\nThree.\n\nFo")])
    clock.now += 0.1
    longer = "Another one.\n\n" * 5
    answer.take([Rerouted("m", "n", "It broke.", True), Text(f"{longer}And on.")])
    assert "".join(page_of(comm.sent)[1]["tail"].split("And on.")) == "<p></p>\n"
    assert page_of(comm.sent)[0] == "<p>Another one.</p>\n" * 5


def test_a_page_that_is_loaded_again_is_told_what_to_make_the_pane_of(comm):
    Pane(comm, lambda: None)
    comm.hear({"content": {"data": {"method": "request_state"}}})
    assert comm.states[0]["_view_name"] == "AnyView"


def test_the_button_stops_the_answer_and_what_came_stays_marked(comm):
    stopped = []
    answer, output, _ = streaming(comm, lambda: stopped.append(True))
    comm.say({"say": "hello"})
    comm.say({"say": "stop"})
    assert stopped == [True]
    part = Reply(Message.assistant("One."), model="m").with_(complete=False)
    answer.take([Failed(Aborted("Stopped."), part)])
    answer.end(part, reason(Aborted("Stopped.")))
    assert output.bundles[-1] == reply_bundle(part, STOPPED)
    assert comm.closed


def test_an_answer_stopped_before_it_began_says_so(comm):
    answer, output, _ = streaming(comm)
    answer.end(Reply(model="m", complete=False), STOPPED)
    assert output.bundles[-1]["text/plain"].startswith("■ Stopped before anything came.")


def test_what_a_page_says_after_the_end_is_not_heard(comm):
    stopped = []
    pane = Pane(comm, lambda: stopped.append(True))
    pane.close()
    assert comm.hear is None
    assert comm.closed
    assert not stopped


@pytest.mark.parametrize("said", [None, "stop", 7, [], {}, {"say": None}, {"say": ["stop"]}, {"t": "stop"}])
def test_other_messages_mean_nothing(comm, said):
    stopped = []
    pane = Pane(comm, lambda: stopped.append(True))
    comm.say(said)
    comm.hear({"content": {}})
    comm.hear({"content": {"data": {"method": "update", "state": {}}}})
    assert (stopped, pane.answered) == ([], False)


def test_a_short_answer_is_offered_no_pane(comm):
    offered = []
    clock = Clock()
    answer = LiveAnswer("m", output=Recorder(), offer=offered.append, clock=clock)
    answer.start(lambda: None)
    clock.now += 0.2
    answer.take([Text("Short.")])
    assert offered == []
    clock.now += 0.2
    answer.take([Text("Not so short.")])
    assert len(offered) == 1


def test_patches_of_a_hostile_answer_do_nothing(hostile, look, comm):
    answer, _, clock = streaming(comm)
    comm.say({"say": "hello"})
    for at in range(0, len(hostile), 3):
        clock.now += 0.1
        answer.take([Text(hostile[at : at + 3])])
    frozen, rest = page_of(comm.sent)
    for patch in comm.sent:
        for name in ("add", "head"):
            assert look(patch.get(name, "")).faults == []
    for tail in tails(comm.sent):
        assert look(tail).faults == []
    assert look(frozen + rest["tail"]).faults == []


# -- who is offered one ---------------------------------------------------------------------------


class Shell:
    kernel = object()

    def __init__(self, metadata):
        self.metadata = metadata

    def get_parent(self):
        return {"metadata": self.metadata}


@pytest.fixture
def comms(monkeypatch):
    """Every comm that is made."""
    import comm as package
    import ipykernel

    assert ipykernel.version_info[0] >= 7
    made = []

    def create(**given):
        made.append(Comm())
        made[-1].given = given
        made[-1]._reply_subshell_for = print
        return made[-1]

    monkeypatch.setattr(package, "create_comm", create)
    return made


def test_a_notebook_in_a_page_is_offered_a_pane_that_can_be_heard(comms):
    assert isinstance(offer(Shell({"cellId": "a"}), lambda: None), Pane)
    state = comms[0].given["data"]["state"]
    assert comms[0].given["target_name"] == "jupyter.widget"
    assert state["_model_module"] == "anywidget"
    assert "Stop" in state["_esm"]
    assert comms[0]._reply_subshell_for is None


def test_the_pane_asks_for_nothing_from_elsewhere(comms):
    offer(Shell({"cellId": "a"}), lambda: None)
    state = comms[0].given["data"]["state"]
    for word in ("http", "import(", "fetch(", "url(", "@import", "eval("):
        assert word not in state["_esm"] + state["_css"]


def test_a_notebook_that_is_run_by_a_program_is_offered_none(comms):
    assert offer(Shell({}), lambda: None) is None
    assert comms == []


def test_a_kernel_that_could_not_hear_the_button_offers_none(comms, monkeypatch):
    import ipykernel

    monkeypatch.setattr(ipykernel, "version_info", (6, 31, 0))
    assert offer(Shell({"cellId": "a"}), lambda: None) is None


def test_without_anywidget_there_is_no_pane(comms, monkeypatch):
    monkeypatch.setattr(panes, "_anywidget", lambda: None)
    assert offer(Shell({"cellId": "a"}), lambda: None) is None


def test_without_comms_there_is_no_pane_and_no_noise(comms, monkeypatch):
    import comm as package

    monkeypatch.setattr(package, "create_comm", lambda **given: _raise())
    assert offer(Shell({"cellId": "a"}), lambda: None) is None


def _raise():
    raise RuntimeError("Comms cannot be opened without a kernel.")


def test_a_page_that_never_answers_is_soon_left_alone(comms, monkeypatch):
    now = Clock()
    monkeypatch.setattr(panes.time, "monotonic", now)
    for _ in range(10):
        made = offer(Shell({"cellId": "a"}), lambda: None)
        if made is None:
            break
        now.now += 5
        made.close()
    assert len(comms) == 2


@pytest.mark.parametrize(("setting", "offers"), [("", True), ("live", True), ("html", False), ("final", False), ("none", False)])  # fmt: skip
def test_the_pane_can_be_declined_by_name(setting, offers):
    shell = Shell({"cellId": "a"})
    shell.display_pub = object()
    assert (answer_for(shell, "m", setting)._offer is not None) is offers
