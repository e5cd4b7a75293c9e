"""The same job on a Dask cluster: a real scheduler and real worker processes, one of which is killed half-way."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import LocalCluster

from service import extras
from service.batch.journal import parts_folder
from service.batch.score import How, score_files
from service.batch.sources import rejects_path
from service.errors import ConflictError, FileError
from tests.conftest import DATASETS
from tests.system.server import free_port
from training.cli import train
from training.corpus.stories import Corpus
from training.fitting.cluster import fits_on

ROWS = 24_000
PATIENCE = 120


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def source(shipped_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dask") / "in.jsonl"
    texts = [row.story.joined[:150] for row in shipped_corpus.rows]
    rows = ({"n": number, "text": texts[number % len(texts)] if number % 1000 else None} for number in range(ROWS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture(scope="module")
def local(source: Path, small_model_dir: Path) -> Path:
    output = source.with_name("local.jsonl")
    score_files([str(source)], str(output), model=small_model_dir, how=How(processes=1))
    return output


def score(cluster: LocalCluster, source: Path, output: Path, model: Path, **how: Any) -> Any:
    return score_files([str(source)], str(output), model=model, how=How(dask=cluster.scheduler_address, **how))


def test_a_worker_killed_half_way_has_its_chunks_done_elsewhere_and_the_bytes_are_those_of_a_local_run(
    cluster: LocalCluster, source: Path, local: Path, small_model_dir: Path, tmp_path: Path
) -> None:
    output, killed = tmp_path / "out.jsonl", []

    def kill_one() -> None:
        limit = time.monotonic() + PATIENCE
        while len(list(parts_folder(output).glob("*.part"))) < 2 and time.monotonic() < limit:
            time.sleep(0.005)
        killed.append(next(iter(cluster.workers.values())).pid)
        os.kill(killed[0], signal.SIGKILL)
        killed.append(output.exists())

    killer = threading.Thread(target=kill_one)
    killer.start()
    summary = score(cluster, source, output, small_model_dir)
    killer.join()
    assert killed[1] is False
    assert (summary.stories, summary.rejects) == (ROWS - ROWS // 1000, ROWS // 1000)
    assert output.read_bytes() == local.read_bytes()
    assert rejects_path(output).read_bytes() == rejects_path(local).read_bytes()
    assert not parts_folder(output).exists()


def test_a_run_begun_on_the_cluster_is_gone_on_with_on_one_machine(
    cluster: LocalCluster, source: Path, local: Path, small_model_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"

    def interrupt(*progress: int) -> None:
        if progress[-1] > ROWS // 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score(cluster, source, output, small_model_dir, watch=interrupt)
    assert not output.exists()
    summary = score_files([str(source)], str(output), model=small_model_dir, how=How(processes=1))
    assert summary.earlier > ROWS // 4
    assert output.read_bytes() == local.read_bytes()


def test_parquet_is_shared_out_by_row_group(cluster: LocalCluster, small_model_dir: Path, tmp_path: Path) -> None:
    table = pa.table({"n": range(3000), "text": ["Two soldiers were killed at the border"] * 3000})
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=1000)
    score(cluster, tmp_path / "in.parquet", tmp_path / "out.parquet", small_model_dir)
    score_files([str(tmp_path / "in.parquet")], str(tmp_path / "local.parquet"), model=small_model_dir, how=How(processes=1))
    assert (tmp_path / "out.parquet").read_bytes() == (tmp_path / "local.parquet").read_bytes()


def test_what_a_worker_finds_wrong_is_told_as_on_one_machine(cluster: LocalCluster, small_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "one", "tone": "mine"}\n')
    with pytest.raises(FileError, match="has a column 'tone' already"):
        score(cluster, tmp_path / "in.jsonl", tmp_path / "out.jsonl", small_model_dir)


def test_a_scheduler_that_does_not_answer_is_named(small_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "PATIENCE", 0.5)
    (tmp_path / "in.jsonl").write_text('{"text": "one"}\n')
    with pytest.raises(FileError, match=r"tcp://127\.0\.0\.1:9: no Dask scheduler answers"):
        score_files([str(tmp_path / "in.jsonl")], str(tmp_path / "out.jsonl"), model=small_model_dir, how=How(dask="tcp://127.0.0.1:9"))
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl"}


def test_a_search_on_the_cluster_gives_the_bytes_of_a_local_one(cluster: LocalCluster, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"naive_bayes": 0.6, "balanced": false, "class_factor": 1.0}')
    (tmp_path / "labels.json").write_bytes((DATASETS / "labels.json").read_bytes())
    lines = (DATASETS / "stories.jsonl").read_text("utf-8").splitlines(keepends=True)[::30]
    (tmp_path / "stories.jsonl").write_text("".join(lines), "utf-8")
    for name, options in {"local": [], "cluster": ["--dask", cluster.scheduler_address]}.items():
        train.main([str(tmp_path), "--out", str(tmp_path / name), *options], standalone_mode=False)
    ours, theirs = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("local", "cluster"))
    assert ours == theirs
    assert any("fold_decisions" in name for name in cluster.scheduler.task_prefixes)


def test_a_search_without_a_scheduler_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "PATIENCE", 1)
    with pytest.raises(ConflictError, match="no Dask scheduler answers"), fits_on(f"tcp://127.0.0.1:{free_port()}"):
        pytest.fail("the search began without a cluster")
