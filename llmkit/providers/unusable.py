"""How a configuration that can't be used is refused; where in a file the fault stands is added by ``config.py``."""

from __future__ import annotations

from llmkit.core.errors import ConfigError

UNUSABLE = "The configuration can't be used: "


def unusable(what: str, why: str) -> ConfigError:
    """A configuration whose values are wrong, or don't go together.

    >>> print(unusable("its path is empty", "A path names a file.").what)
    The configuration can't be used: its path is empty.
    """
    return ConfigError(f"{UNUSABLE}{what}.", why=why, hint="Nothing was sent.")
