"""What a simulated provider's own tools did, as each wire spells it: search, and code that was run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmkit.sim.exchange import Call, Work
from llmkit.sim.frames import dumps
from llmkit.sim.mint import Mint


def _source(work: Work) -> dict[str, Any]:
    return {"title": work.found, "url": "https://search.example/1"}


def anthropic_blocks(works: Sequence[Work], mint: Mint) -> list[dict[str, Any]]:
    """Uses of server tools, each with its result."""
    blocks: list[dict[str, Any]] = []
    for number, work in enumerate(works):
        made = mint.id("srvtoolu_01", ("work", number))
        asked = Call(work.name, dumps(dict(work.asked)))
        blocks.append({"type": "server_tool_use", "id": made, "name": work.name, "input": asked})
        content: Any = {"type": f"{work.name}_result", "stdout": work.found, "stderr": "", "return_code": 0}
        if "search" in work.name:
            content = [{"type": f"{work.name}_result", **_source(work), "encrypted_content": "c2lt"}]
        blocks.append({"type": f"{work.name}_tool_result", "tool_use_id": made, "content": content})
    return blocks


def responses_items(works: Sequence[Work], mint: Mint) -> list[dict[str, Any]]:
    """Items of the output, one for each."""
    items = []
    for number, work in enumerate(works):
        item: dict[str, Any] = {
            "id": mint.hex("ws_0", number),
            "type": f"{work.name}_call",
            "status": "completed",
        }
        if "search" in work.name:
            item["action"] = {"type": "search", **work.asked, "sources": [{"type": "url", **_source(work)}]}
        else:
            item |= {**work.asked, "outputs": [{"type": "logs", "logs": work.found}]}
        items.append(item)
    return items


def gemini_parts(works: Sequence[Work]) -> list[dict[str, Any]]:
    """Code and what it printed; a search is told of beside the answer."""
    parts: list[dict[str, Any]] = []
    for work in works:
        if "search" not in work.name:
            parts.append({"executableCode": {"language": "PYTHON", "code": work.asked.get("code", "")}})
            parts.append({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": work.found}})
    return parts


def gemini_grounding(works: Sequence[Work]) -> dict[str, Any]:
    """What a search found, as metadata of the candidate."""
    searches = [work for work in works if "search" in work.name]
    if not searches:
        return {}
    chunks = [{"web": {"title": work.found, "uri": "https://search.example/1"}} for work in searches]
    return {
        "groundingMetadata": {
            "webSearchQueries": [str(work.asked.get("query", "")) for work in searches],
            "groundingChunks": chunks,
        }
    }


def executed_tools(works: Sequence[Work]) -> dict[str, Any]:
    """As Groq tells of them, in the message."""
    told = [
        {"index": i, "type": work.name, "arguments": dumps(dict(work.asked)), "output": work.found}
        for i, work in enumerate(works)
    ]
    return {"executed_tools": told} if told else {}
