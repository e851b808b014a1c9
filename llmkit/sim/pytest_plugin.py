"""The pytest fixture ``llm_simulator``: a fresh simulator for a test, at full speed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from llmkit.sim.server import Simulator


@pytest.fixture
def llm_simulator() -> Iterator[Simulator]:
    """A simulated provider on loopback.

    >>> def test_my_code(llm_simulator):
    ...     llm_simulator.script({"weather": "Sunny."})
    ...     assert my_code(base_url=llm_simulator.url + "/v1") == "Sunny."
    """
    from llmkit.sim.server import Simulator

    with Simulator(pace="instant") as simulator:
        yield simulator
