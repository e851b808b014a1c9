"""Every provider of the matrix, set up to be asked at the simulator: the real SDK, a real socket, that provider's
address, signature and ways. A model in this process is stood in for by one that forwards to the simulator."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from llmkit.sim.dialects import DIALECTS

KEY = "key-of-nobody-0123456789"


def fields_of(row: str, url: str) -> dict[str, Any]:
    """What a configuration says of that provider, at the simulator of that address."""
    match row:
        case "anthropic" | "gemini":
            return {"type": row, "base_url": url, "api_key": KEY}
        case "openai (chat)":
            return {"type": "openai", "api": "chat", "base_url": f"{url}/v1", "api_key": KEY}
        case "vertex":
            return {"type": row, "project": "p", "base_url": url, "api_key": lambda: KEY}
        case "azure":
            return {"type": row, "endpoint": f"{url}/azure", "api_key": KEY}
        case "litellm":
            return {"type": row, "base_url": f"{url}/v1", "api_key": KEY}
        case "local":
            return {"type": row}
        case _:
            path = f"/{row}/v1" if row in DIALECTS and row != "openai" else "/v1"
            return {"type": row, "base_url": url + path, "api_key": KEY}


class Llama:
    """What is used of ``llama_cpp.Llama``: here its words come from the simulator."""

    url = ""

    def __init__(self, model_path: str, **settings: Any) -> None:
        self.model = model_path.rpartition("/")[2].removesuffix(".gguf")

    def create_chat_completion(
        self, messages: list[Any], stream: bool = False, max_tokens: int | None = None,
        temperature: float = 0.2, response_format: Any = None, seed: int | None = None,
    ) -> Any:  # fmt: skip
        body: dict[str, Any] = {"model": self.model, "messages": messages, "stream": stream}
        if response_format is not None:
            schema = {"name": "answer", "schema": response_format["schema"]}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        asked = urllib.request.Request(
            f"{self.url}/llamacpp/v1/chat/completions",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
        )
        try:
            answer = urllib.request.urlopen(asked, timeout=30)
        except urllib.error.HTTPError as error:
            with error:
                raise RuntimeError(f"llama_decode returned {error.code}") from None
        if stream:
            return self._chunks(answer)
        with answer:
            return json.load(answer)

    def _chunks(self, answer: Any) -> Iterator[dict[str, Any]]:
        with answer:
            for line in answer:
                if line.startswith(b"data: {"):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        raise RuntimeError(chunk["error"]["message"])
                    yield chunk

    def close(self) -> None:
        """Nothing is held."""
