"""The command `conflict-service`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from service.batch import command as batch
from service.errors import ConflictError

if TYPE_CHECKING:
    from service.model.story import Story
    from service.model.tagger import Tagger

P = ParamSpec("P")
BAR = 20
model_option = click.option("--model", type=click.Path(path_type=Path), help="Model folder; by default the current one.")


def says_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn errors that the user can mend into a message and exit code 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ConflictError as error:
            raise click.ClickException(str(error)) from error

    return run


@click.group()
@click.version_option(package_name="conflict-tagger")
def main() -> None:
    """Tag conflict news: which topics a story has, and in what tone."""


@main.command()
@click.argument("file", type=click.File("rb"))
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print the answer that the HTTP service would give.")
@click.option("--evidence", "terms", type=click.IntRange(0, 100), default=5, show_default=True, help="Words or phrases to name per tag.")
@says_errors
def classify(file: Any, model: Path | None, as_json: bool, terms: int) -> None:
    """Tag the story in FILE: plain text, or one JSON object with title and text. `-` reads standard input."""
    import service
    from service.answers import answer

    story = read_story(file.read())
    tagger = service.load(model)
    [said] = answer(tagger, [story], terms)
    click.echo(json.dumps(said, ensure_ascii=False, indent=1) if as_json else describe(tagger, said))


main.add_command(batch.score)


@main.command()
@model_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Worker processes.")
@says_errors
def serve(model: Path | None, host: str, port: int, workers: int) -> None:
    """Answer POST /classify over HTTP."""
    from service.http.server import serve as run
    from service.model.artifact import default_model, read

    folder = model or default_model()
    read(model)
    run(folder, host, port, workers)


def read_story(data: bytes) -> Story:
    """Read a story from plain text or a JSON object. Raises StoryError."""
    from service.errors import StoryError
    from service.model.story import Story
    from service.rows import parse_json

    if data.lstrip()[:1] == b"{":
        try:
            record = parse_json(data)
        except (ValueError, RecursionError) as error:
            raise StoryError([("FILE", f"begins like JSON, but is not: {error}")]) from error
        return Story.from_record(record)
    try:
        return Story.from_record({"text": data.decode("utf-8-sig")})
    except UnicodeDecodeError as error:
        raise StoryError([("FILE", f"not UTF-8: byte 0x{data[error.start]:02x} at position {error.start}")]) from error


def describe(tagger: Tagger, said: dict[str, Any]) -> str:
    """Lay an answer out for a terminal."""
    lines = [f"topics    {', '.join(said['topics']) or 'none'}", f"tone      {said['tone'] or 'none'}", ""]
    thresholds = tagger.model.thresholds
    for head, chosen in (("topics", said["topics"]), ("tone", [said["tone"]])):
        for label, score in said["scores"][head].items():
            mark, limit = "*" if label in chosen else " ", f"  threshold {thresholds[label]:.2f}" if label in thresholds else ""
            lines.append(f"{mark} {label:20}{score:6.1%}  {'█' * round(score * BAR):{BAR}}{limit}")
    for label, items in said.get("evidence", {}).items():
        words = ", ".join(f"{' '.join(item['text'].split())} {item['weight']:+.2f}" for item in items)
        lines += ["", f"why {label if label != 'tone' else said['tone']}: {words}"]
    lines += ["", f"coverage  {said['coverage']:.0%} of the words are known"]
    if said["review"]:
        lines.append(f"review    {', '.join(said['review'])}")
    return "\n".join([*lines, f"model     {said['model']}"])
