"""The house: service never leans on training, nothing heavy is imported without need, data folders hold data only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

HEAVY = ("sklearn", "scipy", "joblib", "pandas", "matplotlib")
ALLOWED_OF_SERVICE = ("service.extras", "service.model", "service.rows", "service.errors", "service.cli")


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


@pytest.mark.parametrize("path", sorted((ROOT / "service").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_service_imports_neither_training_nor_what_only_training_needs(path: Path) -> None:
    wrong = {name for name in imports_of(path) if name.split(".")[0] in ("training", *HEAVY)}
    assert not wrong


@pytest.mark.parametrize("path", sorted((ROOT / "training").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_training_uses_of_service_only_what_models_and_files_are(path: Path) -> None:
    used = {name for name in imports_of(path) if name.startswith("service")}
    assert all(name.startswith(ALLOWED_OF_SERVICE) for name in used)


@pytest.mark.parametrize("module", ["service", "training", "service.cli", "training.cli", "service.model", "service.http", "service.batch"])
def test_importing_a_package_or_a_command_imports_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert not {"numpy", "numba", "flask", "pyarrow", "zstandard", "dask", "distributed", *HEAVY} & set(done.stdout.split())


@pytest.mark.parametrize("folder", ["datasets", "models"])
def test_data_folders_hold_no_python(folder: str) -> None:
    assert not list((ROOT / folder).rglob("*.py"))
