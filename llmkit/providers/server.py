"""What all providers over HTTP share: their fields, and what is checked before anything is sent.

Which client they use and where a request goes is each provider's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llmkit import wire as wires
from llmkit.providers.keys import Key
from llmkit.providers.tuning import CONNECT_SECONDS

if TYPE_CHECKING:
    from llmkit.core.request import Request

_KEY_HEADERS = ("authorization", "api-key", "x-api-key")


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server that speaks one wire. ``package`` is what is imported for its first call."""

    name: str
    base_url: str
    key: Key
    wire: str
    dialect: str
    package: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    simulated: bool = False
    connect: float = CONNECT_SECONDS

    def prepare(self, request: Request) -> dict[str, Any]:
        """The body; raises before anything is sent if the request or the key is no good."""
        if not self.key.present:
            self.key.get(self.name, request.model)
        return wires.write(self.wire, request, dialect=self.dialect)


def headers_of(client: Any) -> dict[str, str]:
    """The headers that an official client sends, without its key."""
    return {
        name: value
        for name, value in client.default_headers.items()
        if isinstance(value, str) and name.lower() not in _KEY_HEADERS
    }
