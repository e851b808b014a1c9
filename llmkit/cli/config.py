"""``llmkit config init|check|show``: a configuration to begin with, what is wrong with one, and what counts."""

from __future__ import annotations

from pathlib import Path

import click

from llmkit.core.errors import BadRequest, LLMKitError

#: What `init` writes. It says nothing that changes anything until a line is uncommented.
TEMPLATE = """\
# What llmkit does where calls don't say: docs/config.md. `llmkit config check` finds mistakes.

# default_model: sonnet

# aliases:
#   main: anthropic/claude-sonnet-5-5

# providers:
#   gpu:
#     type: vllm
#     base_url: http://127.0.0.1:8000/v1
#   claude_main:
#     type: anthropic
#     api_key: ${ANTHROPIC_API_KEY}     # never the key itself
#     max_tokens: 2000

# budgets: {day: 2}
"""


@click.group()
def config() -> None:
    """Begin a configuration, check it, or show what counts."""


@config.command()
@click.option("--here", is_flag=True, help="For this project (./llmkit.yaml) instead of for you.")
def init(here: bool) -> int:
    """Write a llmkit.yaml to begin with. An existing one is left as it is."""
    from llmkit.providers import config as configs

    path = Path(configs.FILE_NAME).resolve() if here else configs.user_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise BadRequest(
            f"There is a configuration already: {path}.",
            why="It was not changed.",
            hint="`llmkit config check` looks at it.",
        ) from None
    except OSError as error:
        raise BadRequest(
            f"{path} can't be written.",
            why=error.strerror or "",
            hint="`llmkit config init --here` writes one for this project.",
        ) from None
    click.echo(path)
    return 0


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def check(file: Path | None) -> int:
    """Say everything that is wrong with FILE, or with the configurations that count here; ends with 1 if anything is."""
    from llmkit.cli.references import dangling
    from llmkit.engine.session import Session
    from llmkit.providers import config as configs

    found = configs.find() if file is None else configs.load(file)
    problems = [(source.place(problem.path), problem) for source, problem in found.problems()]
    for place, problem in problems:
        click.echo(f"{place}: {problem.what}. {problem.fix}")
    if problems:
        return 1
    try:
        session = Session(found)  # its values may not go together, though each is well formed
    except LLMKitError as error:
        click.echo(str(error))
        return 1
    loose = list(dangling(session))
    for problem in loose:
        click.echo(f"{found.source_of(*problem.path).place(problem.path)}: {problem.what}. {problem.fix}")
    if loose:
        return 1
    for source in found.sources:
        click.echo(f"{source.path}: good")
    for name in session.registry.configured:
        key = session.registry.entry(name).key
        if not key.present:
            click.echo(
                f"note: {name} has no key here ({' or '.join(f'${one}' for one in key.env)} is not set)"
            )
    if not found.sources:
        click.echo(
            f"There is no configuration, and none is needed. `llmkit config init` writes {configs.user_file()}."
        )
    return 0


@config.command()
def show() -> int:
    """Show the configuration that counts here, merged of all files, and which those are. Keys are masked."""
    import yaml

    from llmkit.providers import config as configs

    found = configs.find().checked().without_keys()
    for source in found.sources:
        click.echo(f"# {source.path} ({source.origin})")
    if found.plain:
        click.echo(yaml.safe_dump(dict(found.plain), allow_unicode=True, sort_keys=False).rstrip())
    else:
        read = "" if found.sources else f"; {configs.user_file()} would be read"
        click.echo(f"# nothing is configured{read}")
    return 0
