"""Shared by the tests of jobs: a session that talks to the simulator, and a way to see when it is quiet."""

from __future__ import annotations

import pytest

import llmkit


@pytest.fixture
def session(simulator):
    """A session whose provider "here" is the simulator; its journal begins empty."""
    simulator.reset()
    here = {"type": "openai", "api": "chat", "base_url": simulator.url + "/v1", "api_key": "k" * 9}
    return llmkit.Session({"providers": {"here": here}})


@pytest.fixture
def asked(simulator):
    """The last message of every request that the simulator saw, in order."""
    return lambda: [seen.json["messages"][-1]["content"] for seen in simulator.settled()]
