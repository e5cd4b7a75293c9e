"""What the service may be told: from a TOML file, the environment and flags, in that order, checked as a whole."""

from __future__ import annotations

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from service.errors import SettingsError

PREFIX = "CONFLICT_"
IN_FORCE = "CONFLICT_IN_FORCE"
OTHERS = ("CONFLICT_MODELS", "CONFLICT_CONFIG", IN_FORCE)
Sourced = dict[str, tuple[Any, str]]


def _list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _rate(value: str) -> str:
    from limits import parse_many

    if value:
        parse_many(value)
    return value


def _storage(value: str) -> str:
    from service.http.rates import open_storage

    open_storage(value)
    return value


class Settings(BaseModel):
    """Everything that can be set; the descriptions are shown by `conflict-service config`."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = Field("", description="model folder; empty for the current one, which is then followed as it moves")
    model_name: str = Field("conflict-tagger", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="its name under /v2/models")
    poll_seconds: float = Field(2.0, ge=0, le=3600, description="how often the current-model pointer is looked at; 0 for never")
    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    workers: int = Field(1, ge=1, le=256, description="worker processes")
    concurrency: int = Field(16, ge=1, le=1000, description="requests a worker answers at once; more are told 503")
    max_content_length: int = Field(32 * 1024 * 1024, ge=1024, description="bytes of a body, or of one line of a stream")
    max_stories: int = Field(256, ge=1, description="stories of a list")
    max_stream_stories: int = Field(1_000_000, ge=1, description="stories of a stream")
    max_characters: int = Field(1_000_000, ge=1, description="code points of a title or a text")
    max_seconds: float = Field(30.0, gt=0, le=3600, description="seconds a list may take, looked at between stories")
    header_seconds: float = Field(10.0, gt=0, le=600, description="seconds a caller may take to send a request's head")
    keys_file: str = Field("", description="file of API keys; empty for none")
    insecure: bool = Field(False, description="allow an address that others reach without API keys")
    rate_limit: Annotated[str, AfterValidator(_rate)] = Field("", description="per key or address, such as 600/minute; empty for none")
    rate_storage: Annotated[str, AfterValidator(_storage)] = Field(
        "memory://", description="where it is counted: each worker's memory, or redis://HOST:PORT (extra `redis`) for all together"
    )
    proxies: int = Field(0, ge=0, le=10, description="proxies in front whose X-Forwarded-For is believed")
    cors_origins: Annotated[tuple[str, ...], BeforeValidator(_list)] = Field((), description="origins whose pages may ask")
    log_requests: bool = Field(True, description="one line of JSON per request")


def gather(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, Any]) -> Settings:
    """Put the settings together: defaults, then the TOML file, then `CONFLICT_…` variables, then flags.

    Raises SettingsError with every fault, each named by where it stands.
    """
    found: Sourced = {}
    if file is not None:
        found |= {name: (value, f"{file}: {name}") for name, value in _read_file(file).items()}
    found |= {name: (environment[PREFIX + name.upper()], PREFIX + name.upper()) for name in _named(environment)}
    found |= {name: (value, f"--{name.replace('_', '-')}") for name, value in flags.items() if value is not None}
    return _check(found)


def strangers(environment: Mapping[str, str]) -> list[str]:
    """Name the `CONFLICT_…` variables that are no settings."""
    known = {*OTHERS, *(PREFIX + name.upper() for name in Settings.model_fields)}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def _named(environment: Mapping[str, str]) -> list[str]:
    return [name for name in Settings.model_fields if PREFIX + name.upper() in environment]


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from error
    except ValueError as error:
        raise SettingsError([f"{file}: not TOML: {error}"]) from error


def _check(found: Sourced) -> Settings:
    values = {name: value for name, (value, _) in found.items()}
    try:
        settings, faults = Settings(**values), []
    except ValidationError as error:
        wrong = {str(entry["loc"][0]): entry for entry in error.errors()}
        faults = [f"{found[name][1]}: {_reason(entry)}" for name, entry in wrong.items()]
        settings = Settings(**{name: value for name, value in values.items() if name not in wrong})
    faults += _exposed(settings)
    if faults:
        raise SettingsError(faults)
    return settings


def _reason(entry: Any) -> str:
    if entry["type"] == "extra_forbidden":
        return f"no such setting; there are {', '.join(Settings.model_fields)}"
    return f"{entry['msg']}, not {str(entry['input'])[:80]!r}"


def _exposed(settings: Settings) -> list[str]:
    if settings.keys_file or settings.insecure or is_loopback(settings.host):
        return []
    return [f"host: {settings.host} can be reached by others; make keys (`conflict-service keys new`) and name --keys-file, or --insecure"]


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches an address; a name other than localhost counts as reachable."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def to_toml(settings: Settings) -> str:
    """Write the settings as the file that would set them, each with what it means."""
    lines = []
    for name, field in Settings.model_fields.items():
        lines.append(f"{name} = {_toml(getattr(settings, name))}  # {field.description}")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    import json

    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
