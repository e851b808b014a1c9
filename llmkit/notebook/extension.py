"""``%load_ext llmkit`` and ``%unload_ext llmkit``: one set of magics, however often they are loaded."""

from __future__ import annotations

from typing import Any

_NAME = "LLMMagics"


def load(ip: Any) -> None:
    """Give a shell ``%llm`` and ``%%llm``, their completion and their settings."""
    from llmkit.core.reply import Reply
    from llmkit.notebook.complete import llm_matcher
    from llmkit.notebook.magics import LLMMagics

    unload(ip)
    magics = LLMMagics(ip)
    ip.register_magics(magics)
    ip.display_formatter.ipython_display_formatter.for_type(Reply, magics.print_once)
    if (completer := getattr(ip, "Completer", None)) is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers.append(llm_matcher)


def unload(ip: Any) -> None:
    """Take all of it back. Nothing happens where nothing was loaded."""
    from llmkit.core.reply import Reply

    registry = ip.magics_manager.registry
    if registry.pop(_NAME, None) is None:
        return
    for kind in ("line", "cell"):
        ip.magics_manager.magics[kind].pop("llm", None)
    ip.configurables[:] = [one for one in ip.configurables if type(one).__name__ != _NAME]
    ip.display_formatter.ipython_display_formatter.pop(Reply, None)
    if (completer := getattr(ip, "Completer", None)) is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers[:] = [
            one for one in completer.custom_matchers if getattr(one, "__name__", "") != "llm_matcher"
        ]
