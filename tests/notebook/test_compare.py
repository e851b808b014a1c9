"""A comparison in a notebook: one output that grows under the throttle, then one static, safe form."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from llmkit.core.errors import ServerError
from llmkit.core.events import Done, Failed, Text
from llmkit.core.messages import Message
from llmkit.core.reply import Reply, StopReason, Timing
from llmkit.core.usage import Usage
from llmkit.jobs.compare import Comparison
from llmkit.jobs.grid import Cell, Question
from llmkit.jobs.pump import Errand
from llmkit.notebook.compare import LiveGrid
from llmkit.notebook.compare_static import comparison_bundle
from llmkit.notebook.progress import ProgressLine

STEADY = "sim/bench:tokens=120,rate=150,ttft=0"
ENDLESS = "sim/bench:tokens=100000,rate=100,ttft=0"
QUICK = "sim/bench:tokens=12,rate=0,ttft=0"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


class Recorder:
    def __init__(self):
        self.shown = []
        self.updates = []

    def show(self, bundle):
        self.shown.append(bundle)

    def update(self, bundle):
        self.updates.append(bundle)


def answered(text, **more):
    usage = Usage(input=9, output=20, source="provider")
    stop = StopReason("stop")
    return Reply(
        Message.assistant(text), usage=usage, timing=Timing(0.5, 2.5), model="m", stop_reason=stop, **more
    )


def comparison(*terminals, models=None, repeats=None, label="Why?", system=None):
    cells = []
    for number, terminal in enumerate(terminals):
        errand = Errand(lambda stop: None)
        if terminal is not None:
            errand.end(terminal)
        model = models[number] if models else f"model-{number}"
        cells.append(
            Cell(
                number, Question(label, label, model, system, None, repeats[number] if repeats else 1), errand
            )
        )
    return Comparison(cells)


FAILED = Failed(ServerError("The provider broke.", why="Its own words."), Reply(complete=False))


class TestWhileItComes:
    def grow(self, tokens, seconds_each, panes=3):
        clock, output = Clock(), Recorder()
        grid = comparison(*[None] * panes)
        live = LiveGrid(grid, output=output, clock=clock)
        live.start()
        for _ in range(tokens):
            clock.now += seconds_each
            for cell in grid:
                cell.errand.status = "running"
                live.hear(cell.errand, [Text("word ")])
            live.look()
        return grid, live, output

    def test_the_empty_grid_is_shown_at_once(self):
        _, _, output = self.grow(0, 0)
        assert all(f"model-{n}" in output.shown[0]["text/html"] for n in range(3))
        assert output.updates == []

    def test_one_update_serves_all_panes(self):
        _, live, output = self.grow(1000, 0.001)
        assert len(output.shown) == 1
        assert 5 < len(output.updates) == live.pushes <= 17
        assert output.updates[-1]["text/html"].count("word") > 3 * 700

    def test_while_nothing_comes_the_line_moves_once_a_second(self):
        clock, output = Clock(), Recorder()
        live = LiveGrid(comparison(None), output=output, clock=clock)
        live.start()
        for _ in range(100):
            clock.now += 0.05
            live.look()
        assert 4 <= len(output.updates) <= 5

    def test_the_last_update_is_the_static_form(self):
        grid, live, output = self.grow(5, 0.1)
        for cell in grid:
            cell.errand.end(Done(answered("word " * 5)))
        live.end()
        assert output.updates[-1] == comparison_bundle(grid)

    @pytest.mark.parametrize(("mode", "messages"), [("final", 1), ("none", 0)])
    def test_quieter_modes_show_it_once_or_never(self, mode, messages):
        clock, output = Clock(), Recorder()
        grid = comparison(None)
        live = LiveGrid(grid, mode=mode, output=output, clock=clock)
        live.start()
        live.hear(grid[0].errand, [Text("x")])
        live.look()
        live.end()
        assert (len(output.shown), output.updates) == (messages, [])

    def test_hostile_text_is_harmless_while_it_grows(self, hostile, look):
        clock, output = Clock(), Recorder()
        grid = comparison(None, models=[hostile])
        live = LiveGrid(grid, output=output, clock=clock)
        live.start()
        for end in range(1, len(hostile) + 1, max(1, len(hostile) // 7)):
            clock.now += 5
            live.hear(grid[0].errand, [Text(hostile[end - 1 : end])])
            live.look()
        assert [look(bundle["text/html"]).faults for bundle in [*output.shown, *output.updates]] == [[]] * (
            len(output.updates) + 1
        )


class TestTheStaticForm:
    def test_a_table_holds_the_figures_and_panes_the_answers(self, look):
        page = look(comparison_bundle(comparison(Done(answered("**Yes.**")), FAILED))["text/html"])
        words = " ".join(page.words)
        assert page.faults == []
        for said in (
            "Model Status TTFT Pace Time Tokens Cost Ended",
            "model-0 ✓ done 0.50 s 10 tok/s 2.5 s 9 → 20 unpriced stop", "model-1 ✗ failed",
            "Yes.", "The provider broke. Its own words.",
            "2 answers from 2 models · 1 done, 1 failed",
        ):  # fmt: skip
            assert said in words

    def test_answers_can_be_folded_and_many_are(self):
        few = comparison_bundle(comparison(*[Done(answered("Yes."))] * 3))["text/html"]
        many = comparison_bundle(comparison(*[Done(answered("Yes."))] * 13))["text/html"]
        assert few.count("<details open>") == 3
        assert (many.count("<details>"), many.count("<details open>")) == (13, 0)

    def test_plain_text_is_a_table(self):
        plain = comparison_bundle(comparison(Done(answered("Yes.\nIt is.")), FAILED))["text/plain"]
        lines = plain.splitlines()
        assert lines[0].split() == ["model", "status", "figures", "answer"]
        assert lines[2].startswith("model-0  ok")
        assert lines[2].endswith("Yes. It is.")
        assert "The provider broke." in lines[3]

    def test_markdown_holds_each_answer_under_its_model(self):
        markdown = comparison_bundle(comparison(Done(answered("**Yes.**")), FAILED))["text/markdown"]
        assert markdown.index("#### model-0") < markdown.index("**Yes.**") < markdown.index("#### model-1")

    def test_more_than_one_question_to_a_model_earns_a_table(self):
        grid = comparison(*[Done(answered("Yes."))] * 4, models=["m", "n"] * 2, repeats=[1, 1, 2, 2])
        bundle = comparison_bundle(grid)
        assert "2 of 2" in bundle["text/html"]
        assert "| m | 2 of 2 |" in bundle["text/markdown"]
        assert bundle["text/html"].count("9 → 20 tokens") == 4

    def test_repeats_of_one_model_stand_side_by_side(self):
        grid = comparison(*[Done(answered("Yes."))] * 2, models=["m", "m"], repeats=[1, 2])
        bundle = comparison_bundle(grid)
        assert bundle["text/html"].count("display:grid") == 1
        assert "#### m · repeat 2" in bundle["text/markdown"]

    def test_a_vote_is_seen(self):
        grid = comparison(*[Done(answered("Yes."))] * 2)
        grid.vote("model-1")
        bundle = comparison_bundle(grid)
        assert bundle["text/html"].count("★ voted best") == 1
        assert "| won |" in bundle["text/markdown"]

    def test_while_it_is_blind_no_form_tells_who_wrote_what(self):
        failed = Failed(
            ServerError("model-2 broke.", why="Its own words."), Reply(complete=False, model="model-2")
        )
        grid = comparison(Done(answered("Yes.")), Done(answered("No.")), failed)
        grid.blind = True
        bundle = comparison_bundle(grid)
        for text in (*bundle.values(), *comparison_bundle(grid).values()):
            for secret in ("model-", "TTFT", "tok/s", "→ 20", "priced", "own words"):
                assert secret not in text
        assert bundle["text/plain"].count("Answer ") == 3
        grid.vote(grid[1], blind=True)
        assert "model-1" in comparison_bundle(grid)["text/html"]
        assert grid.votes[0].blind

    def test_simulated_money_is_never_added_to_real_money(self):
        from decimal import Decimal

        from llmkit.core.usage import Cost

        grid = comparison(
            Done(answered("a", cost=Cost(Decimal("0.5"), source="override"))),
            Done(answered("b", cost=Cost(Decimal(2), source="simulated"), simulated=True)),
            Done(answered("c")),
        )
        assert "$0.50 · 1 unpriced · $2.00 simulated" in comparison_bundle(grid)["text/plain"]

    def test_a_hostile_answer_is_harmless_in_every_form(self, hostile, look):
        failed = Failed(ServerError(hostile, why=hostile), answered(hostile, complete=False))
        grid = comparison(
            Done(answered(hostile)), failed, models=[hostile, "m"], label=hostile, system=hostile
        )
        bundle = comparison_bundle(grid)
        assert look(bundle["text/html"]).faults == []
        for text in bundle.values():
            assert "\x1b" not in text
            assert "\u202e" not in text
        trusted = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        assert look(trusted.render(bundle["text/markdown"])).faults == []

    def test_colours_are_taken_from_the_page(self):
        page = comparison_bundle(comparison(Done(answered("x")), FAILED, None))["text/html"]
        assert all(part.rpartition("var(--")[1] for part in page.split("#")[:-1])


def test_a_progress_line_is_sent_only_when_it_is_news():
    clock, output = Clock(), Recorder()
    line = iter(["a", "a", "a", "b", "b", "c", "c", "c"])
    said = ["a"]

    def now():
        said[0] = next(line, said[0])
        return said[0]

    progress = ProgressLine(now, output=output, clock=clock)
    progress.start()
    for _ in range(20):
        clock.now += 1
        progress.look()
    progress.end()
    assert [bundle["text/plain"] for bundle in output.shown] == ["a"]
    assert [bundle["text/plain"] for bundle in output.updates][-1] == "c"
    assert len(output.updates) <= 3


class TestInAKernel:
    def test_a_grid_streams_into_one_output_and_is_shown_once(self, kernel):
        ran = kernel.run(f"cmp = llmkit.compare('Hello?', ['{STEADY}', '{QUICK}'])\ncmp")
        assert ran.status == "ok"
        assert len(ran.of("display_data")) == 1
        assert 1 <= len(ran.of("update_display_data")) <= 40
        assert ran.of("execute_result") == []
        (shown,) = ran.outputs
        assert set(shown) == {"text/plain", "text/markdown", "text/html"}
        assert "2 answers from 2 models" in shown["text/plain"]
        (again,) = kernel.run("cmp").outputs
        assert again["text/plain"] == shown["text/plain"]

    def test_an_interrupt_keeps_the_grid_and_the_handle(self, kernel):
        kernel.run("cmp = None")
        cell = kernel.send(f"cmp = llmkit.compare('Hello?', ['{QUICK}', '{ENDLESS}'])")
        kernel.wait_for(cell, "update_display_data", "1 ok")
        kernel.wait_for(cell, "update_display_data", ">writing<")
        kernel.interrupt()
        ran = kernel.finish(cell)
        assert ran.status == "ok"
        assert kernel.value("[c.status for c in cmp]") == ["ok", "cancelled"]
        assert kernel.value("cmp.interrupted, bool(cmp[1].text)") == (True, True)
        assert "Interrupted" in ran.outputs[0]["text/html"]

    def test_a_running_grid_can_be_left_and_stopped(self, kernel):
        ran = kernel.run(f"cmp = llmkit.compare('Hello?', ['{ENDLESS}'], block=False)", cell="c1")
        assert ran.status == "ok"
        assert kernel.value("cmp.running") is True
        kernel.run("import time\nwhile not cmp[0].text: time.sleep(0.01)")
        kernel.run("cmp.stop(); cmp.wait();")
        assert kernel.value("cmp[0].status") == "cancelled"

    def test_where_no_page_would_see_the_rest_it_is_waited_for(self, kernel):
        ran = kernel.run(f"cmp = llmkit.compare('Hello?', ['{STEADY}'], block=False)")
        assert "1 done" in ran.outputs[0]["text/plain"]
        assert kernel.value("cmp.running") is False

    def test_a_page_of_a_running_grid_is_heard_while_the_cell_runs(self, kernel):
        cell = kernel.send(f"cmp = llmkit.compare('Hello?', ['{QUICK}', '{ENDLESS}'])", cell="c2")
        opened = kernel.wait_for(cell, "comm_open")
        shell = kernel.subshell()
        kernel.say(opened["comm_id"], {"say": "hello"}, shell)
        first = kernel.wait_for(cell, "comm_msg", "'tail'")["data"]["content"]
        kernel.say(opened["comm_id"], {"say": "stop", "pane": 1, "v": first["v"]}, shell)
        ran = kernel.finish(cell)
        assert ran.status == "ok"
        assert kernel.value("[c.status for c in cmp], cmp.interrupted") == (["ok", "cancelled"], False)
        assert opened["data"]["state"]["place"] in ran.outputs[0]["text/html"]
        kernel.say(opened["comm_id"], {"say": "vote", "pane": 0, "v": first["v"]}, None)
        assert kernel.value("[vote.kind for vote in cmp.votes]") == ["win"]

    def test_a_map_shows_one_line_and_keeps_rows_when_interrupted(self, kernel):
        code = f"out = llmkit.map(['a'] * 3, 'Say {{text}}', model='{QUICK}')"
        ran = kernel.run(code)
        assert ran.status == "ok"
        assert "map: 3 of 3 rows" in ran.outputs[0]["text/plain"]
        cell = kernel.send(
            f"out = llmkit.map(['a'] * 3 + ['b'], 'Say {{text}}', model='{ENDLESS}', max_concurrency=2)"
        )
        kernel.wait_for(cell, "update_display_data", "map: 0 of 4 rows")
        kernel.interrupt()
        assert kernel.finish(cell).status == "ok"
        assert set(kernel.value("list(out['status'])")) <= {"cancelled", "unsent"}
        assert kernel.value("len(out)") == 4

    def test_tables_have_their_method_once_pandas_is_there(self, kernel):
        kernel.run("import pandas as pd")
        ran = kernel.run(f"out = pd.DataFrame({{'a': ['x']}}).llm.map('{{a}}', model='{QUICK}')")
        assert ran.status == "ok"
        assert kernel.value("list(out['status'])") == ["ok"]
