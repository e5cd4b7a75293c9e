"""The README cannot lie: each of its `$` commands is run, against a real server, and must print what stands there.

To bring the printed answers up to date after a new model: UPDATE_README=1 pytest tests/system/test_readme.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.system.server import Server

README = ROOT / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<printed>.*?)```", re.DOTALL)
BLOCKS = [(match["command"], match["printed"]) for match in BLOCK.finditer(README.read_text("utf-8"))]

EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server([sys.executable, "-m", "service"], cwd=ROOT) as server:
        yield server


def run(command: str, server: Server) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shown = command.replace("http://127.0.0.1:8000", server.url)
    done = subprocess.run(["bash", "-c", shown], capture_output=True, text=True, cwd=ROOT, check=True, env={**os.environ, "PATH": path})
    return pretty(done.stdout)


def pretty(printed: str) -> str:
    """Lay a JSON answer out for reading, a line a field or story; leave other output as it is."""
    try:
        answer = json.loads(printed)
    except ValueError:
        return printed
    fields = [f"{json.dumps(key)}: {_value(value)}" for key, value in answer.items()]
    return "{" + ",\n ".join(fields) + "}\n"


def _value(value: Any) -> str:
    if isinstance(value, dict) and any(isinstance(part, list | dict) for part in value.values()):
        return "{" + ",\n  ".join(f"{json.dumps(key)}: {_value(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[" + ",\n  ".join(map(json.dumps, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def test_the_readme_shows_every_kind_of_answer() -> None:
    statuses = {int(found) for found in re.findall(r'"status": (\d+)', README.read_text("utf-8"))}
    assert {400, 413, 415, 422} <= statuses
    assert len(BLOCKS) >= 7


@pytest.mark.parametrize(("command", "printed"), BLOCKS, ids=range(len(BLOCKS)))
def test_a_command_prints_what_the_readme_shows(server: Server, command: str, printed: str) -> None:
    found = run(command, server)
    if os.environ.get("UPDATE_README"):
        text = README.read_text("utf-8")
        README.write_text(text.replace(f"```console\n$ {command}\n{printed}```", f"```console\n$ {command}\n{found}```"), "utf-8")
    else:
        assert found == printed


def test_commands_named_in_the_readme_exist() -> None:
    text = README.read_text("utf-8")
    named = set(re.findall(r"conflict-(service|training) ([a-z]+)", text))
    assert {room for room, _ in named} == {"service", "training"}
    for room, command in named:
        subprocess.run([sys.executable, "-m", room, command, "--help"], capture_output=True, cwd=ROOT, check=True)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_library_examples_run(example: str, server: Server) -> None:
    code = example.replace("http://127.0.0.1:8000", server.url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "border_clash" in done.stdout
