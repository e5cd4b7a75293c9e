"""The command `conflict-service`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import click

from service.batch import command as batch
from service.errors import ConflictError

if TYPE_CHECKING:
    from service.http.settings import Settings
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


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the flags that set the service; they reach the command as one mapping, `flags`, beside the path of the TOML file."""

    @wraps(command)
    def run(config: Path | None, settings: tuple[str, ...], **flags: Any) -> None:
        command(config=config, flags=flags | _pairs(settings))

    options = [
        click.option("--config", type=click.Path(path_type=Path), envvar="CONFLICT_CONFIG", help="TOML file of settings."),
        click.option("--model", help="Model folder; by default the current one, which is followed as it moves."),
        click.option("--host", help="Address to listen on; 127.0.0.1 if nothing is said."),
        click.option("--port", help="Port to listen on; 8000 if nothing is said."),
        click.option("--workers", help="Worker processes; 1 if nothing is said."),
        click.option("--keys-file", help="File of API keys, made by `keys new`."),
        click.option("--insecure", is_flag=True, default=None, help="Allow an address that others reach without API keys."),
        click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any setting that `config` shows; may be repeated."),
    ]
    for option in reversed(options):
        run = option(run)
    return run


def _pairs(settings: tuple[str, ...]) -> dict[str, str]:
    bad = [pair for pair in settings if "=" not in pair]
    if bad:
        raise click.BadParameter(f"{bad[0]!r} is not NAME=VALUE", param_hint="--set")
    return {name.strip().replace("-", "_"): value for name, _, value in (pair.partition("=") for pair in settings)}


@main.command()
@setting_options
@says_errors
def serve(config: Path | None, flags: dict[str, Any]) -> None:
    """Answer POST /classify over HTTP.

    Settings come from the TOML file, then CONFLICT_... variables, then flags; `conflict-service config` shows them.
    """
    from service.http.server import serve as run
    from service.model.artifact import read

    settings = _settings(config, flags)
    read(settings.model or None)
    run(settings)


@main.command()
@setting_options
@says_errors
def config(config: Path | None, flags: dict[str, Any]) -> None:
    """Print the settings in force, as a TOML file that would set them."""
    from service.http.settings import to_toml

    click.echo(to_toml(_settings(config, flags)))


def _settings(config: Path | None, flags: dict[str, Any]) -> Settings:
    from service.http.settings import gather, strangers

    for name in strangers(os.environ):
        click.echo(f"{name} in the environment is no setting; passed over", err=True)
    return gather(config, os.environ, flags)


@main.group()
def keys() -> None:
    """Make, show and end the API keys of a service."""


keys_option = click.option(
    "--file",
    "path",
    required=True,
    envvar="CONFLICT_KEYS_FILE",
    type=click.Path(path_type=Path),
    help="File of keys; also CONFLICT_KEYS_FILE.",
)


@keys.command("new")
@keys_option
@click.option("--scope", "scopes", multiple=True, type=click.Choice(["classify", "read", "metrics"]), default=["classify", "read"])
@click.option("--note", default="", help="Whom it is for.")
@says_errors
def keys_new(path: Path, scopes: tuple[str, ...], note: str) -> None:
    """Make a key and print it, this once: the file holds only its digest."""
    from service.http.keys import KeyFile

    click.echo(KeyFile(path).new(note, scopes))


@keys.command("list")
@keys_option
@says_errors
def keys_list(path: Path) -> None:
    """Show all keys: id, when made, scopes, note, and when revoked."""
    from service.http.keys import KeyFile

    for key in KeyFile(path).read().values():
        end = f"revoked {key.revoked}" if key.revoked else "in use"
        click.echo("\t".join((key.id, key.made, ",".join(key.scopes), end, key.note)))


@keys.command("revoke")
@keys_option
@click.argument("id")
@says_errors
def keys_revoke(path: Path, id: str) -> None:
    """End the key with this ID; a running service refuses it within a second."""
    from service.http.keys import KeyFile

    KeyFile(path).revoke(id)


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
