"""What you found of models: noted by itself, kept for the next kernel, and taken back."""

from __future__ import annotations

import json
import threading

import pytest

import llmkit
from llmkit.core import errors as e
from llmkit.routing import Orchestrator
from llmkit.routing.judgements import Judgements
from llmkit.routing.orchestrator import orchestrator
from llmkit.routing.verdicts import Judged, Met, Verdict, Verdicts, verdict

MODELS = ["sim/swift", "sim/poet"]


@pytest.fixture
def session():
    return llmkit.Session({})


def compared(session, prompt="Which?", repeats=3, **more):
    return session.compare(prompt, MODELS, repeats=repeats, display="none", **more)


def quality(session, model="sim/swift"):
    found = Orchestrator(session).route("creative").candidates
    return next(one.quality for one in found if one.model == model)


def test_votes_are_noted_and_another_kernel_knows_them(session, clean_environment):
    before = quality(session)
    answers = compared(session)
    for row in range(3):
        answers.vote("sim/swift", of=row * 2)
    assert Orchestrator(llmkit.Session({})).judged == {
        "sim/swift": Judged(1.0, 3),
        "sim/poet": Judged(0.0, 3),
    }
    assert quality(llmkit.Session({})) > before
    kept = (clean_environment / "judgements.jsonl").read_text("utf-8")
    assert "Which?" not in kept, "names and counts alone"


def test_a_vote_that_is_taken_back_counts_no_more(session):
    answers = compared(session, repeats=1)
    answers.vote("sim/swift")
    answers.vote("skip")
    assert orchestrator(session).judged == {}


def test_the_same_comparison_again_takes_the_place_of_the_first(session):
    for _ in range(2):
        compared(session, repeats=1).vote("sim/poet")
    compared(session, "Something else?", repeats=1).vote("sim/poet")
    assert orchestrator(session).judged["sim/poet"] == Judged(1.0, 2)


def test_verdicts_of_judges_and_scores_are_noted_as_well(session):
    answers = compared(session, repeats=1)
    answers.score(lambda answer: "a" in answer, name="has")
    assert orchestrator(session).judged["sim/poet"].of == 1
    answers.score(len, name="length")
    assert orchestrator(session).judged["sim/poet"].of == 1, "longer is not better"
    answers.judge("clarity", by="sim/json", progress=False)
    assert orchestrator(session).judged.keys() <= set(MODELS)


def test_who_does_not_want_it_says_so():
    session = llmkit.Session({"routing": {"learn": False}})
    answers = compared(session, repeats=1)
    answers.vote("sim/poet")
    assert orchestrator(session).judged == {}
    assert Orchestrator(session).learn(answers).judged["sim/poet"].of == 1, "asked for, it is done"


def test_a_saved_comparison_is_learnt_from_its_file(session, tmp_path):
    answers = compared(session, repeats=1)
    answers.vote("sim/poet")
    answers.save(tmp_path / "cmp.jsonl")
    orchestrator(session).forget()
    assert orchestrator(session).judged == {}
    assert Orchestrator(session).learn(tmp_path / "cmp.jsonl").judged["sim/poet"] == Judged(1.0, 1)


def test_what_says_nothing_is_refused(session):
    for nothing in (compared(session, repeats=1), {}):
        with pytest.raises(e.BadRequest, match="says nothing of who was better"):
            Orchestrator(session).learn(nothing)
    for wrong in (2, (0.5, "many"), (0.5, float("inf")), (0.5, 1, 2), float("nan")):
        with pytest.raises(e.BadRequest, match="from 0 to 1"):
            Orchestrator(session).learn({"sim/sage": wrong})
    with pytest.raises(e.BadRequest, match="Nothing can be learnt from float"):
        Orchestrator(session).learn(0.5)
    with pytest.raises(e.UnknownModel):
        Orchestrator(session).learn({"nobody": 0.5})


def test_kernels_side_by_side_lose_nothing():
    def keep(kernel):
        mine = Judgements(print)
        for n in range(25):
            mine.add(Verdict(f"{kernel}-{n}", met=(Met("a/x", "b/y", 1, 1),)))

    threads = [threading.Thread(target=keep, args=(kernel,)) for kernel in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert Judgements(print).all().of("a/x") == Judged(1.0, 100)


def test_a_line_that_is_broken_is_left_out_and_told(clean_environment):
    told = []
    mine = Judgements(told.append)
    mine.add(Verdict("one", met=(Met("a/x", "b/y", 1, 1),)))
    with mine.path.open("a") as file:
        file.write('{"source": "tw\n[]\n{"source": "x", "met": [], "shares": []}\n')
        file.write('{"source": "x", "met": [["a/x", "b/y", 1, 1e400]], "shares": {}}\n')
        file.write('{"source": "cut off')
    mine.add(Verdict("three", met=(Met("a/x", "b/y", 0, 1),)))
    assert mine.all().of("a/x") == Judged(0.5, 2)
    assert told == [f"5 lines of {mine.path} can't be read, and are left out."]
    assert all(json.loads(line) for line in mine.path.read_text("utf-8").splitlines() if '"at"' in line)


def test_where_nothing_can_be_written_it_holds_here_and_that_is_said(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LLMKIT_HOME", str(tmp_path / "file"))
    told = []
    mine = Judgements(told.append)
    for points in (0, 1):
        mine.add(Verdict("one", met=(Met("a/x", "b/y", points, 1),)))
    assert mine.all().of("a/x") == Judged(1.0, 1)
    assert "is not kept" in told[0]


def test_a_later_word_that_can_not_be_written_takes_the_place_of_the_earlier_one(monkeypatch):
    mine = Judgements(lambda _: None)
    mine.add(Verdict("one", met=(Met("a/x", "b/y", 0, 1),)))
    with monkeypatch.context() as full:
        full.setattr("os.write", broken)
        mine.add(Verdict("one", met=(Met("a/x", "b/y", 1, 1),)))
        assert mine.all().of("a/x") == Judged(1.0, 1)
    mine.add(Verdict("one", met=(Met("a/x", "b/y", 0.5, 1),)))
    assert mine.all().of("a/x") == Judged(0.5, 1)


def broken(*_):
    raise OSError(28, "No space left on device")


def test_evidence_starts_from_what_was_known_of_those_that_met():
    said = Verdicts((Verdict("cmp", met=(Met("a/x", "b/y", 5, 10), Met("a/x", "c/z", 10, 10))),))
    known = {"a/x": 0.9, "b/y": 0.9, "c/z": 0.1}.get
    assert said.evidence("b/y", known).share == pytest.approx(0.9), "who ties with a good one is good"
    assert said.evidence("c/z", known).share == 0.0
    assert said.evidence("a/x", known).share == pytest.approx((0.9 + 1.0) / 2)
    assert said.evidence("d/w", known) is None
    assert verdict({"a/x": 0.25}).shares == {"a/x": Judged(0.25, 10)}
