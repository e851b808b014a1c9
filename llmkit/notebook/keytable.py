"""The table of keys, as ``%llm keys`` and ``llmkit keys list`` show it. Never a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmkit.notebook.listing import Listing
from llmkit.providers import keystore

if TYPE_CHECKING:
    from llmkit.providers.registry import Registry


def listing(registry: Registry) -> Listing:
    """Every provider, the end of its key, and where that was found. Never a key."""
    rows = tuple((name, *registry.entry(name).key.shown()) for name in registry if name != "sim")
    if keystore.has_keyring():
        how = "`%llm keys set PROVIDER`, in a terminal `llmkit keys set PROVIDER`. The system's keyring keeps it."
    else:  # where a terminal's command has nowhere to keep one
        how = "`%llm keys set PROVIDER` (there is no keyring here: it is kept until the kernel ends), or in the environment."
    notes = (f"Set one with {how}",)
    return Listing(("provider", "key", "from"), rows, notes)
