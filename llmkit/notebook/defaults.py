"""What cells do where their line doesn't say: ``%config LLMKit.NAME = VALUE``, and the ``cell:`` section of a file.

The nearest word counts: the cell's line, ``%config`` (or IPython's own configuration), the file that
``LLMKIT_CONFIG`` names, the project's ``llmkit.yaml``, the user's own, what is built in. Here are the names, where
their values come from and which of them is in force; what they do is ``magics.py``'s business, and whether a
file's values are good ``providers/schema.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from traitlets import Bool, Enum, Float, Integer, List, Unicode, Union
from traitlets.config import Config, Configurable

from llmkit.core.errors import ConfigError
from llmkit.core.home import seen_from_home
from llmkit.engine.session import default_session
from llmkit.notebook.formats import FORMATS
from llmkit.notebook.live import MODES
from llmkit.notebook.options import THINK
from llmkit.providers import config as configs

_EMPTY: tuple[Any, ...] = ("", None, [])


def _above_zero(kind: type[Any], words: str) -> Any:
    least = 1 if kind is Integer else 1e-9
    return kind(None, allow_none=True, min=least, help=words).tag(config=True)


def _names(words: str) -> Any:
    return Union([List(Unicode()), Unicode()], default_value="", help=words).tag(config=True)


class LLMKit(Configurable):
    """What cells do where their line doesn't say. An empty value (``""`` or ``None``) leaves it to the files."""

    model = Unicode("", help="The model when a cell names none (as %%llm takes it).").tag(config=True)
    system = Unicode("", help="The system prompt when a cell gives none.").tag(config=True)
    temperature = Float(None, allow_none=True, min=0, help="How freely to choose words.").tag(config=True)
    max_tokens = _above_zero(Integer, "The longest answer, in tokens.")
    think = Union(
        [Enum(["", *THINK]), Integer(min=0)],
        default_value="",
        help=f"How hard to think: {', '.join(THINK)}, or a number of tokens.",
    ).tag(config=True)
    timeout = _above_zero(Float, "Seconds after which a cell gives up.")
    budget = _above_zero(Float, "Dollars that one cell may cost at most.")
    tag = Unicode("", help="The tag of a cell's calls in usage().").tag(config=True)
    tools = _names("Names of functions that the model may call.")
    yes_tools = Bool(False, help="Let tools run without asking.").tag(config=True)
    max_rounds = _above_zero(Integer, "How often tools may run before an answer must come.")
    task = Unicode("", help="What cells that name no model are for: llmkit picks it.").tag(config=True)
    strategy = Unicode("", help="How the model of cells that name none is picked.").tag(config=True)
    raw = Bool(False, help="Send prompts as they are: {{ }} means nothing.").tag(config=True)
    maths = Bool(False, help="Typeset formulas in answers, where they can do nothing else.").tag(config=True)
    quiet = Bool(False, help="Show nothing; the reply is still returned.").tag(config=True)
    history = Bool(True, help="Do cells go on from the cells before?").tag(config=True)
    conversation = Unicode("", help="The conversation that cells belong to when they name none.").tag(
        config=True
    )
    new = Bool(False, help="Does every cell start its conversation over?").tag(config=True)
    out = Unicode("", help="The variable that every reply is also put into.").tag(config=True)
    attach = _names("Files, URLs or variables to send along with every cell.")
    schema = Unicode("", help="The variable whose schema every answer follows.").tag(config=True)
    compare = _names("Models that a cell which names none asks side by side.")
    fallback = _names("Models to ask in turn when a cell's own fails.")
    repeat = _above_zero(Integer, "How often a cell asks, side by side.")
    bg = Bool(False, help="Return at once; the answer comes while other cells run.").tag(config=True)
    dry_run = Bool(False, help="Show what would be sent and its cost; send nothing.").tag(config=True)
    format = Enum(["", *FORMATS], default_value="", help="What answers are made into.").tag(config=True)
    display = Enum(
        ["", *MODES],
        default_value="",
        help="live: as it comes; html: without the pane; final: once, at the end; none. Empty: as LLMKIT_DISPLAY says.",
    ).tag(config=True)

    def in_force(self, name: str) -> Setting:
        """The value of a setting and where it comes from.

        >>> LLMKit().in_force("history")
        Setting(value=True, origin='built in')
        """
        value = getattr(self, name)
        if name in self.config.get("LLMKit", {}) and value not in _EMPTY:
            return Setting(value, "%config")
        for origin, values in _sections():
            if (written := values.get(name)) is not None:
                return Setting(written, origin)
        return Setting(self.traits()[name].default_value, "built in")

    def value(self, name: str) -> Any:
        """The value that is in force; empty ones are ``None``."""
        value = self.in_force(name).value
        return None if value in _EMPTY else value

    def put(self, name: str, value: Any) -> None:
        """What ``%config LLMKit.NAME = VALUE`` does."""
        self.update_config(Config({"LLMKit": {name: value}}))


def maths_asked() -> bool:
    """Shall formulas be typeset? Only where the extension is loaded, and only if somebody said so."""
    from IPython.core.getipython import get_ipython

    here = [one for one in getattr(get_ipython(), "configurables", ()) if isinstance(one, LLMKit)]
    try:
        return bool(here and here[0].value("maths"))
    except ConfigError:  # a file that can't be read is told of by whatever asks a model
        return False


@dataclass(frozen=True, slots=True)
class Setting:
    """A value in force, and who said so."""

    value: Any
    origin: str


def names() -> list[str]:
    """The settings there are."""
    return sorted(LLMKit.class_own_traits(config=True))


def _sections() -> list[tuple[str, Mapping[str, Any]]]:
    """The ``cell:`` sections that hold here, the nearest first, and who says them."""
    sources = reversed(default_session().registry.config.sources)
    return [(_who(source), source.plain.get("cell") or {}) for source in sources]


def _who(source: configs.Source) -> str:
    return "the session" if source.path is None else seen_from_home(source.path)


def users_file() -> str:
    """The user's own configuration, as one writes its path."""
    return seen_from_home(configs.user_file())
