"""Text that others wrote, wherever llmkit shows it beside the answer itself: lists, reports, differences, health and errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from llmkit.core.errors import LLMKitError
from llmkit.core.messages import Message
from llmkit.core.reply import Reply
from llmkit.engine.health import Finding
from llmkit.engine.health import Report as Health
from llmkit.jobs.report import Report
from llmkit.jobs.words import Diff
from llmkit.notebook.diff import diff_bundle
from llmkit.notebook.listing import Listing
from llmkit.notebook.progress import ProgressLine
from llmkit.notebook.report import report_bundle

DATA = Path(__file__).parent / "data"
HOSTILE = [json.loads(line) for line in (DATA / "hostile.jsonl").read_text("utf-8").splitlines()]
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def listed(text: str) -> str:
    return Listing((text, "b"), ((text, text),), (text, f"Run `{text}`."))._repr_html_()


def reported(text: str) -> str:
    return report_bundle(Report(text, (text,), (text, "n"), ((text, "1"),)))["text/html"]


def differing(text: str) -> str:
    return diff_bundle(Diff.of(text, f"{text} and more", text, "luna"))["text/html"]


def checked(text: str) -> str:
    return Health((Finding("providers", text, "problem", text, f"`{text}`"),))._repr_html_()


def under_way(text: str) -> str:
    return ProgressLine(lambda: text, mode="none")._bundle()["text/html"]


@pytest.mark.parametrize("shown", [listed, reported, differing, checked, under_way])
def test_hostile_text_does_nothing_in_it(shown, look):
    for text in HOSTILE:
        page = look(shown(text))
        assert set(page.faults) <= {"<b>", "<ins>", "th scope=", "th colspan="}, text
        assert not ACTING.search("".join(page.words)), text


def test_an_error_that_repeats_hostile_text_moves_no_cursor():
    for text in HOSTILE:
        error = LLMKitError(text, why=text, hint=text, partial=Reply(Message.assistant(text)))
        told = "\n".join(error._render_traceback_())
        assert not ACTING.search(re.sub("\x1b\\[[0-9;]*m", "", told)), text
