"""Files of stories, written and read by libraries other than ours, and what scores them in this process."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from service.batch.compression import decompressed
from service.batch.job import Options
from service.batch.score import How, Summary, score_files
from service.batch.sources import rejects_path


class Scorer:
    """Scores files of one folder in this process."""

    def __init__(self, model: Path, folder: Path) -> None:
        self.model, self.folder = model, folder

    def __call__(self, *words: str, restart: bool = False, **options: Any) -> Summary:
        *inputs, output = (word if word == "-" else str(self.folder / word) for word in words)
        how = How(processes=1, restart=restart)
        return score_files(inputs, output, model=self.model, options=Options(**options), how=how)

    def rejects(self, output: str) -> list[tuple[str, int, str]]:
        lines = read_jsonl(rejects_path(self.folder / output))
        return [(Path(line["file"]).name, line["line"], line["reason"]) for line in lines]


def write_jsonl(path: Path, *lines: Any) -> Path:
    path.write_bytes(jsonl(*lines))
    return path


def jsonl(*lines: Any) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


def read_jsonl(path: Path) -> list[Any]:
    return [json.loads(line) for line in plain(path).decode().splitlines()]


def plain(path: Path) -> bytes:
    with path.open("rb") as file:
        return decompressed(file, {".gz": "gzip", ".zst": "zstd"}.get(path.suffix, "")).read()


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows by libraries other than ours, in the format of the name."""
    form = path.name.split(".")[1]
    if form == "parquet":
        data = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows), data, row_group_size=7)
        content = data.getvalue().to_pybytes()
    elif form == "csv":
        lines = [
            ",".join(f'"{str(value).replace(chr(34), chr(34) * 2)}"' for value in row.values())
            for row in (dict(zip(rows[0], rows[0], strict=True)), *rows)
        ]
        content = "\r\n".join(lines).encode()
    else:
        content = jsonl(*rows)
    squeeze = {".gz": gzip.compress, ".zst": zstandard.compress}.get(path.suffix, bytes)
    path.write_bytes(squeeze(content))


def read(path: Path) -> list[dict[str, Any]]:
    form, content = path.name.split(".")[1], plain(path)
    if form == "parquet":
        return pq.read_table(pa.BufferReader(content)).to_pylist()
    return (
        list(csv.DictReader(content.decode().splitlines(keepends=True)))
        if form == "csv"
        else [json.loads(line) for line in content.splitlines()]
    )
