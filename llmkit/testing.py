"""For tests of your own: answers may not get worse than those you approved of. Works in pytest and anywhere else.

>>> cmp = llmkit.compare(QUESTIONS, models=["sonnet", "luna"])  # doctest: +SKIP
>>> llmkit.testing.assert_no_regression(cmp, "baseline.jsonl")  # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmkit.jobs.answers import Answers
    from llmkit.jobs.changes import Changes

#: Set to 1, baselines are written anew instead of compared with.
UPDATE = "LLMKIT_UPDATE_BASELINES"


def assert_no_regression(
    answers: Answers,
    baseline: str | os.PathLike[str],
    *,
    score: float | Mapping[str, float] | None = 0.05,
    cost: float | None = 1.25,
    latency: float | None = None,
    alike: float | None = None,
    update: bool | None = None,
) -> Changes:
    """Fail where answers got worse than those in the baseline, and say which and by how much.

    ``score`` is by how much a mean score may fall (a mapping says it score by score), ``cost`` and ``latency`` how many
    times as much an answer may cost or take, ``alike`` how many of its words it must share with the old one, from 0 to
    1. ``None`` allows anything. An answer that failed is always worse. ``update=True``, or the environment variable
    ``LLMKIT_UPDATE_BASELINES=1``, writes the baseline anew instead.

    >>> def test_the_prompt_still_works():
    ...     cmp = llmkit.compare(PROMPTS, ["luna"], repeats=3)
    ...     cmp.score("contains", EXPECTED)
    ...     assert_no_regression(cmp, "tests/luna.jsonl", score=0.1, cost=1.5)
    """
    __tracebackhide__ = True
    if os.environ.get(UPDATE, "") not in ("", "0") if update is None else update:
        answers.save(baseline)
    changes = answers.against(baseline)
    worse = changes.regressions(score=score, cost=cost, latency=latency, alike=alike)
    if worse:
        listed = "\n".join(f"- {one}" for one in worse)
        raise AssertionError(
            f"Worse than {os.fspath(baseline)}:\n{listed}\n"
            f"If that is as it should be, write the baseline anew: {UPDATE}=1."
        )
    return changes
