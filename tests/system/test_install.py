"""An installed wheel, outside the checkout, with nothing but what serving needs."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
import urllib.request
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.system.server import Server


@pytest.fixture(autouse=True)
def no_models_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONFLICT_MODELS")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a fresh environment with the wheel and its base requirements; give its folder of commands."""
    space = tmp_path_factory.mktemp("install")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", str(space), str(ROOT)], check=True, capture_output=True)
    [wheel] = space.glob("*.whl")
    venv.create(space / "venv", with_pip=True)
    python = space / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", ROOT / ".ci" / "constraints.txt", wheel]
    subprocess.run(pip, check=True, capture_output=True)
    return python.parent


def run(*command: object, stdin: str = "", cwd: Path) -> str:
    return subprocess.run([*map(str, command)], input=stdin, capture_output=True, text=True, cwd=cwd, check=True).stdout


@pytest.mark.parametrize("library", ["sklearn", "scipy", "joblib", "matplotlib"])
def test_the_environment_has_no_training_library(installed: Path, library: str, tmp_path: Path) -> None:
    found = run(installed / "python", "-c", f"import importlib.util as u; print(u.find_spec({library!r}))", cwd=tmp_path)
    assert found.strip() == "None"


def test_the_default_model_travels_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    said = json.loads(
        run(installed / "conflict-service", "classify", "-", "--json", stdin="Two soldiers killed in border clash", cwd=tmp_path)
    )
    assert "border_clash" in said["topics"]


def test_the_templates_of_the_report_travel_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = "from importlib.resources import files; print(*sorted(file.name for file in (files('training.report') / 'templates').iterdir()))"
    assert run(installed / "python", "-c", code, cwd=tmp_path).split() == ["report.css", "report.html", "report.js"]


def test_the_library_tags_in_three_lines(installed: Path, tmp_path: Path) -> None:
    code = "import service; [tags] = service.load().tag([service.story(text='Two soldiers killed in border clash')]); print(*tags.topics)"
    assert "casualties" in run(installed / "python", "-c", code, cwd=tmp_path)


def test_a_cache_that_cannot_be_written_costs_time_and_never_an_error(installed: Path, tmp_path: Path) -> None:
    """Neither beside the package, where files bar the way (they stop root too), nor at home, where there is none."""
    find = "import service; print(service.__path__[0])"
    package = shutil.copytree(run(installed / "python", "-c", find, cwd=tmp_path).strip(), tmp_path / "service")
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir() and path.name != "__pycache__")]:
        shutil.rmtree(folder / "__pycache__", ignore_errors=True)
        (folder / "__pycache__").touch()
    code = f"{find}; [tags] = service.load().tag([service.story(text='Two soldiers killed in border clash')]); print(*tags.topics)"
    command = ["env", "-u", "NUMBA_CACHE_DIR", "-u", "XDG_CACHE_HOME", "HOME=/dev/null", installed / "python", "-W", "error", "-c", code]
    where, topics = run(*command, cwd=tmp_path).splitlines()
    assert where == str(package)
    assert "casualties" in topics
    assert list(package.rglob("*.nbi")) == []


def test_it_serves(installed: Path, tmp_path: Path) -> None:
    with Server([str(installed / "conflict-service")], cwd=tmp_path) as server:
        said = server.post({"text": "Two soldiers killed in border clash"})
        assert "casualties" in said["topics"]


def test_the_page_travels_with_the_wheel(installed: Path, tmp_path: Path) -> None:
    with Server([str(installed / "conflict-service")], cwd=tmp_path) as server:
        page = ("", "?sample=Peace+talks", "card", "static/page.css", "static/page.js", "static/rows.js", "static/icon.svg")
        for part in page:
            with urllib.request.urlopen(f"{server.url}/{part}", timeout=30) as response:
                assert response.read()


def test_it_scores_files_and_names_the_extra_for_those_that_need_one(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "Two soldiers killed in border clash"}\n' * 3000)
    run(installed / "conflict-service", "score", "in.jsonl", "out.csv.gz", "--processes", 2, cwd=tmp_path)
    assert len(gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).splitlines()) == 3001
    for words, extra in ((("out.parquet",), "batch"), (("out.csv.zst",), "batch"), (("out.csv", "--dask", "tcp://127.0.0.1:9"), "dask")):
        command = [installed / "conflict-service", "score", "in.jsonl", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 1
        assert f"pip install 'conflict-tagger[{extra}]'" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.csv.gz"}
