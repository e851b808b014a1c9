"""A living comparison, as its page sees it: few messages that add up to all of it, and acts that do what they say."""

from __future__ import annotations

import json
import random

import pytest

import llmkit
from llmkit.core.errors import BadRequest, ServerError
from llmkit.core.events import Done, Failed, Rerouted, Text
from llmkit.core.messages import Message
from llmkit.core.reply import Reply, StopReason, Timing
from llmkit.core.usage import Usage
from llmkit.jobs.compare import Comparison
from llmkit.jobs.grid import Cell, Question
from llmkit.jobs.pump import Errand
from llmkit.notebook import compare_page
from llmkit.notebook.compare import LiveGrid
from llmkit.notebook.compare_page import ComparePage
from llmkit.notebook.safe import render

PLACE = "llmkit-at-0123456789ab"
LONG = "\n\n".join(
    f"Paragraph {n} with **bold** words, a `name` and “quotes” 😀.\n\n- one\n- two" for n in range(30)
)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Output:
    def __init__(self):
        self.bundles = []

    def show(self, bundle):
        self.bundles.append(bundle)

    update = show


class Comm:
    """The wire to the page, and the page: it puts together what it is sent, as the script does."""

    comm_id = "c"

    def __init__(self):
        self.messages = []
        self.now = {}
        self.panes = []
        self.shape = None

    def on_msg(self, hear):
        self.hear = hear

    def close(self):
        self.closed = True

    def say(self, what, **more):
        said = {"say": what, "v": self.now.get("v"), **more}
        self.hear({"content": {"data": {"method": "custom", "content": json.loads(json.dumps(said))}}})

    def send(self, message):
        if message["method"] != "custom":
            self.state = message
            return
        patch = json.loads(json.dumps(message["content"]))
        self.messages.append(patch)
        if patch.get("whole"):
            self.now = {}
        assert patch.get("whole") or patch["n"] == self.messages[-2]["n"] + 1
        if patch.get("whole") or (patch["v"], patch["panes"]) != self.shape:
            self.shape = (patch["v"], patch["panes"])
            self.panes = [{"frozen": "", "tail": "", "info": {}} for _ in range(patch["panes"])]
        for place, one in patch.pop("p", {}).items():
            pane = self.panes[int(place)]
            if one.get("reset"):
                pane |= {"frozen": "", "tail": ""}
            pane["frozen"] += one.get("add", "")
            if "tail" in one:
                kept = pane["tail"].encode("utf-16-le")[: 2 * one.get("keep", 0)].decode("utf-16-le")
                pane["tail"] = kept + one["tail"]
            pane["info"] |= one.get("info", {})
        for n, mark in patch.pop("marked", {}).items():
            self.now["marks"][int(n)] = mark
        self.now |= patch

    def html(self, place):
        return self.panes[place]["frozen"] + self.panes[place]["tail"]

    def heard(self, part):
        return next(message[part] for message in reversed(self.messages) if part in message)

    @property
    def text(self):
        return json.dumps([self.now, self.panes], ensure_ascii=False)


def reply(text="Yes.", **more):
    usage = Usage(input=9, output=20, source="provider")
    return Reply(
        Message.assistant(text), usage=usage, timing=Timing(0.5, 2.5), stop_reason=StopReason("stop"), **more
    )


@pytest.fixture
def living(monkeypatch):
    """A living comparison with a page that has said hello: a function of its cells."""
    monkeypatch.setattr(ComparePage, "_names", lambda self: ("sonnet", "luna"))
    monkeypatch.setattr(Comparison, "resolve", lambda self, model: ("place", model))

    def make(*terminals, models=("luna", "sonnet", "flash"), prompts=("Why?",), hello=True):
        cells = []
        for place, prompt in enumerate(prompts):
            for model in models[: len(terminals) or None]:
                cells.append(
                    Cell(len(cells), Question(prompt, prompt, model, place=place), Errand(lambda stop: None))
                )
        for cell, terminal in zip(cells, terminals * len(prompts), strict=False):
            if terminal is not None:
                cell.errand.end(terminal)
        grid, comm, clock, output = Comparison(cells), Comm(), Clock(), Output()
        page = []

        def offer(growing):
            page.append(ComparePage(grid, comm, PLACE, growing, ("cell", 1)))
            return page[0]

        live = LiveGrid(grid, output=output, offer=offer, clock=clock)
        grid._watched = live
        live.start()
        if hello:
            comm.say("hello")
        return grid, live, comm, clock, output

    return make


class TestGrowing:
    def stream(self, live, grid, clock, texts, step=0.01):
        for cell in grid:
            cell.errand.status = "running"
        pieces = [(cell, text) for cell, text in zip(grid, texts, strict=True)]
        rng = random.Random(7)
        at = [0] * len(pieces)
        while any(n < len(text) for n, (_, text) in zip(at, pieces, strict=True)):
            clock.now += step
            for n, (cell, text) in enumerate(pieces):
                size = rng.randint(1, 12)
                if at[n] < len(text):
                    live.hear(cell.errand, [Text(text[at[n] : at[n] + size])])
                    at[n] += size
            live.look()
        for cell, text in pieces:
            terminal = Done(reply(text))
            cell.errand.end(terminal)
            live.hear(cell.errand, [terminal])
        live.end()

    def test_what_is_sent_adds_up_to_all_of_every_answer(self, living):
        grid, live, comm, clock, _ = living(None, None, None)
        texts = [LONG, LONG[::-1], "Short."]
        self.stream(live, grid, clock, texts)
        for place, text in enumerate(texts):
            assert comm.html(place) == render(text)
        assert [pane["info"]["status"] for pane in comm.panes] == ["ok"] * 3

    def test_all_panes_together_are_ten_messages_a_second_and_little_more_than_their_text(self, living):
        grid, live, comm, clock, _ = living(None, None, None)
        began = clock.now
        self.stream(live, grid, clock, [LONG] * 3)
        assert len(comm.messages) <= 12 * (clock.now - began) + 5
        sent = sum(len(json.dumps(message)) for message in comm.messages)
        assert sent < 3 * 3 * len(render(LONG))

    def test_a_page_that_lost_a_message_or_was_loaded_again_gets_everything(self, living):
        grid, live, comm, clock, _ = living(None, None, None)
        self.stream(live, grid, clock, [LONG, "a", "b"])
        comm.say("hello")
        assert comm.messages[-1]["whole"]
        assert comm.html(0) == render(LONG)
        comm.hear({"content": {"data": {"method": "request_state"}}})
        assert comm.state["state"]["place"] == PLACE

    def test_until_a_page_says_hello_it_is_sent_as_html_and_at_the_end_as_well(self, living):
        grid, live, comm, clock, output = living(None, None, None, hello=False)
        self.stream(live, grid, clock, ["One.", "Two.", "Three."], step=0.2)
        assert comm.messages == []
        assert "Three." in output.bundles[-1]["text/html"]
        comm.say("hello")
        assert comm.html(2) == render("Three.")

    def test_the_output_holds_the_static_form_where_the_page_finds_its_place(self, living):
        grid, live, _, clock, output = living(None, None, None)
        self.stream(live, grid, clock, [LONG] * 3)
        assert f'class="llmkit-place {PLACE}"' in output.bundles[-1]["text/html"]
        assert len(output.bundles) <= 3
        assert "3 done" in output.bundles[-1]["text/plain"]

    def test_an_answer_that_begins_anew_elsewhere_leaves_nothing_of_the_old_one(self, living):
        grid, live, comm, clock, _ = living(None)
        for batch in (
            [Text("One.\n\nTwo")],
            [Rerouted("a", "b", "It broke.", True), Text("Three.\n\nFour.\n\nFive")],
        ):
            clock.now += 1
            live.hear(grid[0].errand, batch)
            live.look()
        assert comm.html(0) == render("Three.\n\nFour.\n\nFive")

    def test_once_its_page_is_gone_the_output_follows_by_itself_and_nothing_more_is_sent_to_it(
        self, living, monkeypatch
    ):
        monkeypatch.setattr(compare_page, "close_comm", lambda comm, **_: comm.close())
        grid, live, comm, clock, output = living(None)
        live._page.close()
        sent = len(comm.messages)
        clock.now += 1
        live.hear(grid[0].errand, [Text("One.")])
        live.look()
        comm.say("hello")  # was under way
        assert len(comm.messages) == sent
        assert "One." in output.bundles[-1]["text/html"]

    def test_hostile_text_is_harmless_in_the_page(self, living, hostile, look):
        grid, live, comm, clock, _ = living(None, models=[hostile])
        self.stream(live, grid, clock, [hostile], step=0.2)
        assert look(comm.html(0)).faults == []
        assert "\\u001b" not in comm.text
        assert "\u202e" not in comm.text


class TestActs:
    @pytest.fixture
    def done(self, living):
        return living(Done(reply("The sky is blue.")), Done(reply("The sky was red.")), Done(reply("No.")))

    def test_a_stop_is_for_one_pane_and_stop_all_for_the_rest(self, living):
        grid, _, comm, *_ = living(None, None, Done(reply()))
        comm.say("stop", pane=1)
        assert [cell.errand.unwanted for cell in grid] == [False, True, False]
        comm.say("stop_all")
        assert [cell.errand.unwanted for cell in grid] == [True, True, False]

    def test_a_pane_that_is_no_longer_there_is_left_alone(self, living):
        grid, _, comm, *_ = living(None, None, None)
        for said in ({"pane": 7}, {"pane": -1}, {"pane": True}, {"pane": "0"}, {"pane": 0, "v": 99}, {}):
            comm.say("stop", **said)
        comm.say("no such thing", pane=0)
        assert not any(cell.errand.unwanted for cell in grid)

    def test_a_vote_is_kept_in_the_handle_and_in_the_output(self, done):
        grid, live, comm, _, output = done
        live.end()
        comm.say("vote", pane=1)
        assert grid.votes[0].winner == "sonnet"
        assert comm.now["vote"]["winner"] == 1
        assert comm.panes[1]["info"]["vote"] == "won"
        assert "★ voted best" in output.bundles[-1]["text/html"]
        comm.say("vote", kind="tie")
        assert [vote.kind for vote in grid.votes] == ["tie"]

    def test_there_is_no_vote_before_all_answers_are_there(self, living):
        grid, _, comm, *_ = living(Done(reply()), None, None)
        comm.say("vote", pane=0)
        assert grid.votes == []
        assert "before there can be a vote" in comm.now["note"]

    def test_nothing_in_the_page_tells_who_wrote_what_until_the_vote(self, living):
        failed = Failed(
            ServerError("sonnet is down.", why="Says place."), Reply(complete=False, model="sonnet")
        )
        grid, live, comm, _, output = living(Done(reply("A.")), failed, Done(reply("B.")))
        live.end()
        comm.say("blind", on=True)
        for secret in ("luna", "sonnet", "flash", "place/", "TTFT", "tok/s", "priced"):
            assert secret not in comm.text
            assert secret not in "".join(output.bundles[-1].values())
        assert {pane["info"]["title"] for pane in comm.panes} == {"Answer A", "Answer B", "Answer C"}
        comm.say("retry", pane=9)
        place = next(n for n, pane in enumerate(comm.panes) if pane["info"]["status"] == "ok")
        text = comm.html(place)
        comm.say("vote", pane=place)
        assert grid.votes[0].blind
        winner = grid["luna" if "A." in text else "flash"][0]
        assert grid.votes[0].winner == winner.model == comm.panes[place]["info"]["title"]

    def test_once_all_is_told_the_matrix_has_every_answer_under_its_own_name(self, living):
        grid, live, comm, *_ = living(Done(reply("A.")), Done(reply("B.")), prompts=("Why?", "How?"))
        live.end()
        orders = iter([["luna", "sonnet"], ["sonnet", "luna"]])  # another one for each question

        def shuffle(models):
            models[:] = next(orders)

        grid.veil._shuffle = shuffle
        comm.say("blind", on=True)
        for row in range(2):
            comm.say("show", row=row)
            comm.say("vote", pane=next(n for n in range(2) if "A." in comm.html(n)))
        assert [vote.winner for vote in grid.votes] == ["luna", "luna"]
        marks = [mark[4] for mark in comm.now["marks"]]
        won = comm.now["columns"].index("luna")
        assert [marks[won], marks[2 + won]] == ["won", "won"]

    def test_a_difference_a_copy_and_a_pin(self, done, monkeypatch):
        _, _, comm, *_ = done

        class Shell:
            user_ns = {}  # noqa: RUF012

        monkeypatch.setattr("llmkit.notebook.compare_acts.kernel_shell", lambda: Shell)
        comm.say("diff", a=0, b=1)
        assert "<ins" in comm.heard("diff")["html"]
        comm.say("copy", pane=2, id=5)
        assert comm.heard("copied") == {"text": "No.", "id": 5}
        comm.say("pin", pane=2, name="best")
        assert Shell.user_ns["best"].text == "No."
        for name in ("1st", "class", "__x", "a b", ""):
            comm.say("pin", pane=2, name=name)
            assert "no name for a variable" in comm.now["note"]
        assert list(Shell.user_ns) == ["best"]

    def test_an_error_is_said_in_the_page_and_goes_with_the_next_act(self, done, monkeypatch):
        grid, _, comm, *_ = done

        def refuse(*models, block):
            raise BadRequest("There is no such model.", hint="Try another.")

        monkeypatch.setattr(grid, "add", refuse)
        comm.say("add", model="nosuch")
        assert comm.now["note"] == "There is no such model. Try another."
        comm.say("show", row=0)
        assert comm.now["note"] == ""

    def test_a_model_that_is_left_out_is_gone_from_page_and_output(self, done):
        grid, live, comm, _, output = done
        live.end()
        comm.say("remove", model=0, name="sonnet")
        assert len(grid.models) == 3
        comm.say("remove", model=1, name="sonnet")
        assert grid.models == ["luna", "flash"]
        assert [pane["info"]["title"] for pane in comm.panes] == ["luna", "flash"]
        assert "sonnet" not in output.bundles[-1]["text/html"]


class TestAgainstAServer:
    """What the page asks for is sent, counted where it arrives."""

    @pytest.fixture
    def running(self, simulator, monkeypatch):
        simulator.reset()
        here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
        comm = Comm()

        def display(module, comparison, shell, display):
            return LiveGrid(
                comparison,
                output=Output(),
                offer=lambda growing: ComparePage(comparison, comm, PLACE, growing, ("cell", 1)),
            )

        monkeypatch.setattr(
            "llmkit.jobs.compare.kernel_shell", lambda: type("Shell", (), {"execution_count": 1})
        )
        monkeypatch.setattr("llmkit.jobs.compare.in_notebook", display)
        cmp = llmkit.Session({"providers": {"here": here}}).compare(
            "One?", [f"here/bench:tokens={n},rate=0,ttft=0" for n in (5, 6)]
        )
        comm.say("hello")
        return cmp, comm

    def test_a_retry_another_prompt_and_another_model(self, running, simulator):
        cmp, comm = running
        assert simulator.attempts == 2
        comm.say("retry", pane=1)
        assert cmp.wait()[1].status == "ok"
        assert simulator.attempts == 3
        comm.say("ask", prompt="Two?")
        cmp.wait()
        assert simulator.attempts == 5
        comm.say("add", model="here/bench:tokens=7,rate=0,ttft=0")
        cmp.wait()
        asked = [entry.json["messages"][-1]["content"] for entry in simulator.settled()]
        assert asked == ["One?"] * 3 + ["Two?"] * 3
        assert [pane["info"]["status"] for pane in comm.panes] == ["ok"] * 3
        assert comm.html(2) == render(cmp[2].text)
        assert comm.now["prompt"]["text"] == "Two?"

    def test_what_is_missing_is_asked_and_nothing_else(self, running, simulator):
        cmp, comm = running
        cmp[0].errand.status = "cancelled"
        comm.say("missing")
        assert [cell.status for cell in cmp.wait()] == ["ok", "ok"]
        assert simulator.attempts == 3


class TestTheMatrix:
    def test_many_prompts_are_a_table_and_one_row_in_full(self, living):
        done = Done(reply())
        _, _, comm, *_ = living(done, done, prompts=[f"Question {n}?" for n in range(5)])
        assert comm.now["rows"] == [f"Question {n}?" for n in range(5)]
        assert comm.now["columns"] == ["luna", "sonnet"]
        assert [mark[0] for mark in comm.now["marks"]] == ["ok"] * 10
        assert len(comm.panes) == 2
        comm.say("show", row=3)
        assert (comm.now["at"], comm.now["prompt"]["text"]) == (3, "Question 3?")
        comm.say("show", row=99)
        assert comm.now["at"] == 4

    def test_prompts_of_the_same_words_are_rows_of_their_own(self, living):
        done = Done(reply())
        _, _, comm, *_ = living(done, done, prompts=["Other?", "Same?", "Same?"])
        assert comm.now["rows"] == ["Other?", "Same?", "Same?"]
        assert len(comm.now["marks"]) == len(comm.now["rows"]) * len(comm.now["columns"])

    def test_what_is_not_shown_is_not_sent_and_of_the_table_only_what_changes(self, living):
        grid, live, comm, clock, _ = living(None, None, prompts=["One?", "Two?"])
        hidden = grid[2]
        hidden.errand.status = "running"
        clock.now += 1
        live.hear(hidden.errand, [Text("Nobody looks at this. " * 50)])
        live.look()
        assert "Nobody looks" not in json.dumps(comm.messages)
        assert "marks" not in comm.messages[-1]
        comm.say("show", row=1)
        assert "Nobody looks" in comm.html(0)


def test_only_so_many_stay_alive_and_the_oldest_goes_back_to_its_static_form(monkeypatch):
    made = []

    def comm(state):
        made.append(Comm())
        return made[-1]

    class Shell:
        execution_count = 0

        def get_parent(self):
            return {"metadata": {"cellId": f"cell {self.execution_count}"}}

    shell = Shell()
    monkeypatch.setattr(compare_page, "open_comm", comm)
    monkeypatch.setattr(compare_page, "may_have_a_page", lambda shell: True)
    monkeypatch.setattr(compare_page, "close_comm", lambda comm, **_: comm.close())
    monkeypatch.setattr(compare_page, "_alive", type(compare_page._alive)())
    grid = Comparison([Cell(0, Question("?", "?", "m"), Errand(lambda stop: None))])
    for n in range(compare_page._ALIVE + 2):
        shell.execution_count = n
        compare_page.offer(grid, shell, lambda pane: None)
    assert [hasattr(comm, "closed") for comm in made] == [True] * 2 + [False] * compare_page._ALIVE
