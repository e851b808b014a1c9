"""What Tab completes, and ``llmkit completion`` that teaches it to a shell."""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

#: How a shell is told, by shell.
_TOLD = {
    "bash": 'eval "$(llmkit completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(llmkit completion zsh)"    # in ~/.zshrc, after compinit',
    "fish": "llmkit completion fish > ~/.config/fish/completions/llmkit.fish",
}


def items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Those that begin so."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def models(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Aliases, and once a provider is written, its models. No configuration is read: Tab must be quick."""
    from llmkit.models import catalogue
    from llmkit.models.aliases import ALIASES

    names = catalogue.known_models() if "/" in incomplete else ALIASES
    return items(sorted(names), incomplete)


def providers(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The providers that llmkit knows."""
    from llmkit.providers.presets import PRESETS

    return items(PRESETS, incomplete)


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Whatever the shell knows of files."""
    return [CompletionItem(incomplete, type="file")]


@click.command(epilog="\b\n" + "\n".join(_TOLD.values()))
@click.argument("shell", type=click.Choice(tuple(_TOLD)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what teaches a shell to complete on Tab: commands, options, models."""
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - the choices are click's own
    click.echo(kind(ctx.find_root().command, {}, "llmkit", "_LLMKIT_COMPLETE").source())
