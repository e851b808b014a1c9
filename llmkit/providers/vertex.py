"""Gemini on Vertex AI: the Gemini wire under a project and a place, signed with Google's own credentials.

The token comes from ``google.auth`` (application default credentials) or from a callable that is given as
``api_key``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from llmkit.core.errors import AuthError, MissingPackage
from llmkit.providers.clients import Clients, HttpExchange, Sealed, get
from llmkit.providers.gemini import GeminiProvider

if TYPE_CHECKING:
    from llmkit.core.request import Request

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@dataclass(frozen=True, kw_only=True)
class VertexProvider(GeminiProvider):
    """A project's Gemini models in one location ("global" for no place in particular)."""

    api_version: str = "v1"
    project: str
    location: str = "global"

    def url(self, model: str, verb: str) -> str:
        """Where a request to do that with a model goes."""
        return f"{self.place}/publishers/google/models/{quote(model.removeprefix('models/'), safe='')}:{verb}"

    def countable(self, request: Request, body: Mapping[str, Any]) -> dict[str, Any]:
        """What is sent to be counted: here the body itself, without a wrapper."""
        taken = ("contents", "systemInstruction", "tools", "generationConfig")
        return {name: body[name] for name in taken if name in body}

    async def models(self, clients: Clients, *, signed: bool = True) -> HttpExchange:
        """Ask for Google's models on Vertex."""
        url = f"{self.base_url}/v1beta1/publishers/google/models?pageSize=300"
        headers = await self._signed() if signed else Sealed()
        return await get(clients.http(), url, headers, connect=self.connect)

    @property
    def place(self) -> str:
        """The address of the project in its location."""
        where = f"projects/{quote(self.project)}/locations/{quote(self.location)}"
        return f"{self.base_url}/{self.api_version}/{where}"

    async def _signed(self) -> Sealed:
        token = await asyncio.to_thread(self.key.get, self.name)
        return Sealed(
            {
                "content-type": "application/json",
                "authorization": f"Bearer {token}",
                "x-goog-user-project": self.project,
                **self.headers,
            }
        )


def address_of(location: str) -> str:
    """The host of a location.

    >>> address_of("europe-west4")
    'https://europe-west4-aiplatform.googleapis.com'
    """
    return f"https://{'' if location == 'global' else location + '-'}aiplatform.googleapis.com"


def google_token() -> Callable[[], str]:
    """Tokens of the application default credentials; fetched anew when they run out."""
    held: list[Any] = []

    def token() -> str:
        try:
            import google.auth
            from google.auth.exceptions import GoogleAuthError
            from google.auth.transport.requests import Request as Transport
        except ImportError:
            raise MissingPackage(
                "Google's credentials can't be read.",
                why="The package google-auth is not installed; it signs calls to Vertex AI.",
                hint='Install it: `pip install "llmkit[gemini]"`. Nothing was sent.',
            ) from None
        try:
            if not held:
                held.append(google.auth.default(scopes=[_SCOPE])[0])
            if not held[0].valid:
                held[0].refresh(Transport())
        except GoogleAuthError as error:
            raise AuthError(
                "Google gave no token for Vertex AI.",
                why=str(error).split("\n", maxsplit=1)[0],
                hint="Log in: `gcloud auth application-default login`. Nothing was sent.",
            ) from None
        return str(held[0].token)

    return token
