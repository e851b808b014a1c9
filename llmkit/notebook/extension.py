"""``%load_ext llmkit`` and ``%unload_ext llmkit``: one set of magics, however often they are loaded."""

from __future__ import annotations

from typing import Any

_NAME, _DEFAULTS = "LLMMagics", "LLMKit"


def load(ip: Any) -> None:
    """Give a shell ``%llm`` and ``%%llm``, their completion and their settings."""
    from llmkit.core.reply import Reply
    from llmkit.jobs import accessor
    from llmkit.notebook.complete import llm_matcher
    from llmkit.notebook.magics import LLMMagics
    from llmkit.notebook.news import tell_news
    from llmkit.notebook.question import keep_question_marks
    from llmkit.notebook.track import CostMagics

    unload(ip)
    magics = LLMMagics(ip)
    ip.register_magics(magics, CostMagics(ip))
    ip.configurables.append(magics.defaults)
    ip.input_transformers_cleanup.append(keep_question_marks)
    ip.display_formatter.ipython_display_formatter.for_type(Reply, magics.print_once)
    ip.events.register("post_run_cell", magics.witness.note_trouble)
    if not accessor.register_llm():  # pandas isn't loaded yet, and won't be for this
        ip.events.register("post_run_cell", accessor.register_llm)
    ip.events.register("post_run_cell", tell_news)
    if (completer := getattr(ip, "Completer", None)) is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers.append(llm_matcher)


def unload(ip: Any) -> None:
    """Take all of it back. Nothing happens where nothing was loaded."""
    from llmkit.core.reply import Reply

    registry = ip.magics_manager.registry
    registry.pop("CostMagics", None)
    if registry.pop(_NAME, None) is None:
        return
    for kind in ("line", "cell"):
        for name in ("llm", "llm_cost"):
            ip.magics_manager.magics[kind].pop(name, None)
    ip.input_transformers_cleanup[:] = _without(ip.input_transformers_cleanup, "keep_question_marks")
    ip.configurables[:] = [one for one in ip.configurables if type(one).__name__ not in (_NAME, _DEFAULTS)]
    ip.display_formatter.ipython_display_formatter.pop(Reply, None)
    callbacks = ip.events.callbacks["post_run_cell"]
    for name in ("register_llm", "note_trouble", "tell_news"):
        callbacks[:] = _without(callbacks, name)
    if (completer := getattr(ip, "Completer", None)) is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers[:] = _without(completer.custom_matchers, "llm_matcher")


def _without(functions: list[Any], name: str) -> list[Any]:
    """By name, so that what an earlier import of llmkit left behind goes as well."""
    return [one for one in functions if getattr(one, "__name__", "") != name]
