"""Azure OpenAI and Gemini on Vertex: where requests go, and how they are signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import llmkit
from llmkit.core.errors import BadEndpoint, ConfigError, MissingKey, MissingPackage
from llmkit.sim import Simulator


def sent(simulator: Simulator) -> Any:
    return simulator.requests[-1]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/openai/v1/chat/completions"),
        ({"api": "responses"}, "/openai/v1/responses"),
        ({"api_version": "2024-10-21"}, "/openai/deployments/swift/chat/completions"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_azure_is_asked_at_its_own_paths_with_its_own_header(
    simulator: Simulator, fields: dict[str, str], path: str, stream: bool
) -> None:
    here = {"type": "azure", "endpoint": simulator.url, "api_key": "key-0123456789", "deployment": "swift"}
    session = llmkit.Session({"providers": {"az": {**here, **fields}}})
    reply = session.ask("hello", model="az/gpt-6-luna", stream=stream)
    assert reply.text
    assert (reply.usage.output or 0) > 0
    asked = sent(simulator)
    assert asked.path.partition("?")[0] == path
    assert "api-key" in asked.header_names
    assert "authorization" not in asked.header_names


def test_azure_takes_an_entra_token_from_a_callable_anew_for_each_call(simulator: Simulator) -> None:
    tokens = iter(["token-of-the-first-call", "token-of-the-second-call"])
    here = {"type": "azure", "endpoint": simulator.url, "auth": "entra", "api_key": lambda: next(tokens)}
    session = llmkit.Session({"providers": {"az": here}})
    for word in ("first", "second"):
        assert session.ask("hello", model="az/swift").text
        assert "authorization" in sent(simulator).header_names, word
        assert "api-key" not in sent(simulator).header_names
    assert next(tokens, None) is None


def test_entra_without_its_package_says_what_to_install() -> None:
    here = {"type": "azure", "endpoint": "https://mine.openai.azure.com", "auth": "entra"}
    with pytest.raises(MissingPackage, match="azure-identity"):
        llmkit.Session({"providers": {"az": here}})


def test_azures_key_comes_from_its_variable_where_the_user_names_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = {"type": "azure", "endpoint": "https://mine.openai.azure.com/openai/v1/"}
    session = llmkit.Session({"providers": {"az": here}})
    with pytest.raises(MissingKey, match="AZURE_OPENAI_API_KEY"):
        session.ask("hello", model="az/mine")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-0123456789")
    assert session.registry.entry("az").key.get("az") == "key-0123456789"
    assert session.registry["az"].base_url == "https://mine.openai.azure.com"


def test_a_projects_file_can_not_send_azures_key_to_a_resource_of_somebody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "canary-0123456789")
    text = "providers:\n  az:\n    type: azure\n    endpoint: https://evil.openai.azure.com\n"
    (tmp_path / "llmkit.yaml").write_text(text)
    assert llmkit.Session().registry.entry("az").key.env == ()
    (tmp_path / "llmkit.yaml").write_text(text + "    api_key: ${AZURE_OPENAI_API_KEY}\n")
    with pytest.raises(BadEndpoint, match=r"evil\.openai\.azure\.com"):
        llmkit.Session()


@pytest.mark.parametrize("stream", [True, False])
def test_vertex_is_asked_under_project_and_location_with_a_token(simulator: Simulator, stream: bool) -> None:
    here = {
        "type": "vertex", "project": "my-project", "location": "europe-west4",
        "base_url": simulator.url, "api_key": lambda: "ya29.a-made-up-token",
    }  # fmt: skip
    session = llmkit.Session({"providers": {"vx": here}})
    reply = session.ask("hello", model="vx/swift", stream=stream)
    assert reply.text
    assert (reply.usage.output or 0) > 0
    asked = sent(simulator)
    verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
    assert (
        asked.path == f"/v1/projects/my-project/locations/europe-west4/publishers/google/models/swift:{verb}"
    )
    assert "authorization" in asked.header_names
    assert "x-goog-api-key" not in asked.header_names


def test_vertex_needs_a_project_and_knows_the_hosts_of_its_locations() -> None:
    with pytest.raises(ConfigError, match="project"):
        llmkit.Session({"providers": {"vx": {"type": "vertex"}}})
    place = {"type": "vertex", "project": "p", "location": "us-central1"}
    provider = llmkit.Session({"providers": {"vx": place}}).registry["vx"]
    assert provider.base_url == "https://us-central1-aiplatform.googleapis.com"


def test_vertex_costs_what_googles_list_says() -> None:
    from llmkit.models.pricelist import per_million

    assert per_million("vertex", "gemini-3.8-flash") == per_million("gemini", "gemini-3.8-flash")


def test_both_count_tokens_where_they_are_asked(simulator: Simulator) -> None:
    session = llmkit.Session(
        {
            "providers": {
                "az": {
                    "type": "azure", "endpoint": simulator.url, "api": "responses",
                    "api_key": "key-0123456789", "deployment": "swift",
                },
                "vx": {
                    "type": "vertex", "project": "p", "base_url": simulator.url,
                    "api_key": lambda: "ya29.a-made-up-token",
                },
            }
        }
    )  # fmt: skip
    counted = session.estimate("How long is this?", model="az/mine", exact=True)
    assert (counted.exact, counted.tokens > 0) == (True, True)
    assert sent(simulator).path == "/openai/v1/responses/input_tokens"
    assert session.estimate("How long is this?", model="vx/swift", exact=True).tokens > 0
    assert (
        sent(simulator).path == "/v1/projects/p/locations/global/publishers/google/models/swift:countTokens"
    )
    assert "contents" in sent(simulator).json
