"""``llmkit ask``: the answer streams to the terminal, or comes as one JSON object; the figures go to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmkit.cli import shell
from llmkit.core.errors import BadRequest, LLMKitError
from llmkit.core.events import Done, Failed, Rerouted, Retrying, ServerTool, Text

if TYPE_CHECKING:
    from llmkit.core.messages import Part
    from llmkit.core.reply import Reply
    from llmkit.engine.stream import Stream

STOPPED = 130


_LEVELS = ("off", "low", "medium", "high", "max")


def _think(_: click.Context, __: click.Parameter, value: str | None) -> str | int | None:
    """A level, or a number of tokens."""
    if value is None or value in _LEVELS:
        return value
    if value.isdigit():
        return int(value)
    raise click.BadParameter(f"{value!r} is none of {', '.join(_LEVELS)}, and no number of tokens.")


@click.command()
@click.argument("prompt", nargs=-1)
@click.option("-m", "--model", shell_complete=shell.models, help="An alias, or provider/model.")
@click.option(
    "--fallback",
    multiple=True,
    metavar="MODEL",
    shell_complete=shell.models,
    help="Asked if the one before fails.",
)
@click.option("--task", help="What it is for (coding, planning, …): the model is picked.")
@click.option("--strategy", help="How the model is picked: balanced, cost-optimized, …")
@click.option("-s", "--system", help="Instructions.")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    type=str,
    metavar="FILE",
    help="A picture, PDF, sound, text or URL to go along; may be given again.",
    shell_complete=shell.files,
)
@click.option(
    "--schema",
    metavar="WORDS|JSON|FILE",
    help='What the answer shall hold: "name, age int", or a JSON schema.',
)
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object with the text, the data, the usage and the cost."
)
@click.option("--max-tokens", type=click.IntRange(min=1))
@click.option("--temperature", type=float)
@click.option(
    "--think",
    metavar="LEVEL",
    callback=_think,
    shell_complete=lambda _, __, begun: shell.items(_LEVELS, begun),
    help="off, low, medium, high, max, or a number of tokens.",
)
@click.option("--timeout", type=float, metavar="SECONDS")
@click.option("--budget", metavar="DOLLARS", help="What this may cost at most.")
@click.option("--tag", help="A word for it in the ledger.")
@click.option("-q", "--quiet", is_flag=True, help="No line about tokens, time and cost.")
def ask(
    prompt: tuple[str, ...],
    files: tuple[str, ...],
    schema: str | None,
    as_json: bool,
    quiet: bool,
    **more: Any,
) -> int:
    """Ask a model; the answer streams to the terminal.

    Standard input is added to the PROMPT when it is a pipe or a file: text as text, a picture or a PDF as that.

    \b
      llmkit ask "Why is the sky blue?"
      git diff | llmkit ask -m sonnet "Write a commit message"
      llmkit ask -f chart.png "What does this show?" --json | jq .cost
    """
    text, parts = _question(prompt, files, sys.stdin)
    from llmkit.core.messages import Message

    options = {name: value for name, value in more.items() if value is not None}
    if schema is not None:
        options["schema"] = read_schema(schema)
    question = Message.user(*([text] if text else []), *parts)
    try:
        stream = _begin(question, options)
        return _as_json(stream) if as_json else _as_text(stream, quiet=quiet)
    except LLMKitError as error:
        if as_json:
            _print_json(error.to_json())
        raise


def _begin(question: Any, options: dict[str, Any]) -> Stream:
    """The stream: of the model that is named, or of the one that is picked."""
    import llmkit

    task, strategy = options.pop("task", None), options.pop("strategy", None)
    fallback = list(options.pop("fallback", ()))
    if task is None and strategy is None:
        return llmkit.stream(question, fallback=fallback, **options)
    if fallback:
        raise BadRequest(
            "--fallback does not go with --task and --strategy.",
            why="These bring models to go on with by themselves.",
            hint="-m names the one to ask first. Nothing was sent.",
        )
    preferred = options.pop("model", None)
    return llmkit.Orchestrator().execute(task, strategy, question, preferred=preferred, **options)


def _question(words: Sequence[str], files: Sequence[str], stdin: Any) -> tuple[str, list[Part]]:
    """The text of the question and what goes along with it."""
    from llmkit.notebook.attach import attach, from_bytes, sniff

    for name in files:
        if not name.lower().startswith(("http://", "https://")) and not Path(name).expanduser().exists():
            raise BadRequest(
                f"There is no file {name!r}.", hint="Nothing was sent. -f takes a file or a URL."
            )
    parts, notes = attach(files, {})
    texts, more = [" ".join(words)], list(parts)
    if stdin is not None and not stdin.isatty() and (data := _all_of(stdin)):
        if sniff(data) == "text/plain":
            texts.append(data.decode("utf-8").strip())
        else:
            part, news = from_bytes(data, "standard input")
            more, notes = [*more, part], (*notes, *news)
    for note in notes:
        print(f"… {note}", file=sys.stderr)
    text = "\n\n".join(one for one in texts if one)
    if not text and not more:
        raise BadRequest(
            "There is nothing to ask.",
            why="No prompt was given, and nothing came through standard input.",
            hint='llmkit ask "Why is the sky blue?"',
        )
    return text, more


def _all_of(stdin: Any) -> bytes:
    data: bytes | str = getattr(stdin, "buffer", stdin).read()
    return data.encode() if isinstance(data, str) else data


def read_schema(written: str) -> Any:
    """A schema from the command line: a file that holds JSON, JSON itself, or words.

    >>> read_schema('{"type": "object"}'), read_schema("name, age int")
    ({'type': 'object'}, 'name, age int')
    """
    text = written.strip()
    if not text.startswith("{"):
        path = Path(text).expanduser()
        if path.suffix != ".json" and not path.is_file():
            return written
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadRequest(
                f"The schema {path} can't be read.", why=str(error), hint="Nothing was sent."
            ) from None
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest(
            "The schema is no JSON.", why=str(error), hint='Write it in words ("name, age int"), or mend it.'
        ) from None


def _as_text(stream: Stream, *, quiet: bool) -> int:
    from llmkit.notebook.terminal import TextFeed
    from llmkit.notebook.visible import to_text

    feed, said = TextFeed(), False

    def write(text: str) -> None:
        nonlocal said
        said = said or bool(text)
        sys.stdout.write(text)
        sys.stdout.flush()

    def remark(text: str) -> None:
        print(f"… {to_text(text)}", file=sys.stderr)

    try:
        for event in stream:
            match event:
                case Text(text):
                    write(feed.take(text))
                case Retrying(attempt, delay, error):
                    remark(f"attempt {attempt} failed ({error.what}); trying again in {delay:.1f} s")
                case ServerTool(_, name, arguments, "running") if not quiet:
                    remark(
                        f"{name} {arguments if isinstance(arguments, str) else json.dumps(dict(arguments))}"
                    )
                case Rerouted(_, target, why):
                    remark(f"going on with {target}: {why}")
                case Done(reply):
                    write(feed.end())
                    write("\n" if said else "")
                    _tell(reply, quiet=quiet)
                case Failed(error, partial):
                    write(feed.end())
                    write("\n" if said else "")
                    if said:
                        _tell(partial, quiet=quiet)
                    raise error
                case _:
                    continue
    except KeyboardInterrupt:
        stream.stop()
        write(feed.end())
        write("\n" if said else "")
        _tell(_partial(stream), quiet=quiet)
        print("stopped; what came is above", file=sys.stderr)
        return STOPPED
    finally:
        stream.stop()  # also where nobody reads on: it would be billed to its end
    return 0


def _as_json(stream: Stream) -> int:
    try:
        _print_json(plain(stream.reply()))
    except KeyboardInterrupt:
        stream.stop()
        _print_json(plain(_partial(stream)))
        return STOPPED
    except LLMKitError as error:
        if error.partial is not None and error.partial.text:
            _print_json({**error.to_json(), "partial": plain(error.partial)})
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
        raise
    return 0


def _partial(stream: Stream) -> Reply:
    """What came until it was stopped."""
    from llmkit.core.reply import Reply

    stream.settled(2.0)
    try:
        return stream.reply()
    except LLMKitError as error:
        return error.partial or Reply(complete=False)


def plain(reply: Reply) -> dict[str, Any]:
    """A reply as one JSON object, its text first."""
    known = reply.to_json()
    rest = {name: value for name, value in known.items() if name not in ("message", "steps", "stop_reason")}
    told: Mapping[str, Any] = {
        "text": reply.text,
        "data": reply.data,
        "thinking": reply.thinking or None,
        "tool_calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in reply.tool_calls]
        or None,
        "stop_reason": str(reply.stop_reason),
        **rest,
    }
    return {name: value for name, value in told.items() if value is not None}


def _print_json(what: Mapping[str, Any]) -> None:
    print(json.dumps(what, ensure_ascii=False, default=str))


def _tell(reply: Reply, *, quiet: bool) -> None:
    """The figures and what else there is to know, beside the answer: on stderr."""
    from llmkit.engine.session import pending_news
    from llmkit.notebook.static import footer
    from llmkit.notebook.visible import to_text

    if quiet:
        return
    for note in (*reply.notes, *pending_news()):
        print(f"… {to_text(note)}", file=sys.stderr)
    if reply.tool_calls:
        print(f"… it asks for {', '.join(to_text(call.name) for call in reply.tool_calls)}", file=sys.stderr)
    line = f"— {footer(reply)}"
    print(f"\x1b[2m{line}\x1b[0m" if in_colour(sys.stderr) else line, file=sys.stderr)


def in_colour(stream: Any) -> bool:
    """May escapes be written there? Only to a terminal whose user did not say no."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
