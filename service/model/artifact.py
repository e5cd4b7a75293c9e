"""The format of a model on disk: a folder of arrays (safetensors), a manifest (JSON) and files for people. No code, no pickle.

`models/README.md` describes it field by field. FORMAT is raised when an older reader could misread a newer folder: a new or changed
array, a changed token rule or meaning of a field. A new optional manifest field or a new file for people does not raise it.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.errors import ArtifactError, LabelSchemeError
from service.model import current, kernel
from service.model.calibration import Calibrator, from_json
from service.model.fold import FoldTable
from service.model.labels import LabelScheme
from service.model.review import Review
from service.model.swap import swap_in
from service.model.tokens import TokenRule, read_only

FORMAT = 2
MANIFEST = "manifest.json"
ARRAYS = "model.safetensors"
TERMS = "terms.txt"
METRICS = "metrics.json"
CARD = "card.md"
REPORT = "report.html"
DTYPES = {"F64": np.float64, "I32": np.int32, "U64": np.uint64}
SHAPES = {"table": 2, "weights": 2, "bias": 1, "fold_pages": 1, "fold_values": 1, "fold_expansions": 1}
RETRAIN = "take a whole copy of the folder, or make it again with `conflict-training train`"


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model as it stands in memory.

    tokens: the token rule, whose table is the model's: open addressing, n-gram hash and entry (see `kernel`).
    weights: (terms, lanes) float64: idf, then per column the weight with the idf folded in, then zeros (lanes: a multiple of 8).
    bias: (columns,) float64. Columns are the scheme's topics, then its tones. calibrators: one per column, or none.
    """

    name: str
    labels: LabelScheme
    tokens: TokenRule
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    thresholds: Mapping[str, float]
    review: Review
    calibrators: tuple[Calibrator, ...]
    manifest: Mapping[str, Any]
    folder: Path | None = None

    @property
    def label_weights(self) -> NDArray[np.float64]:
        """View the weights per column alone; shape (terms, columns)."""
        return self.weights[:, 1 : 1 + len(self.labels.columns)]

    def metrics(self) -> dict[str, Any]:
        """Read the figures that were measured when the model was made; empty for a model in memory only."""
        return json.loads((self.folder / METRICS).read_bytes()) if self.folder else {}

    def terms(self) -> list[str]:
        """Read the names of the n-grams in row order; empty for a model in memory only."""
        return (self.folder / TERMS).read_text("utf-8").splitlines() if self.folder else []


def default_model() -> Path:
    """Find the model to use when none is named: the current one of the models folder, or else the shipped one. Raises ArtifactError."""
    return current.current_model()


def read(folder: str | Path | None = None) -> Model:
    """Check a model folder (manifest, format number, digests) and map it into memory; without a folder, that of `default_model`.

    Raises ArtifactError, which says what is wrong and what to do.
    """
    if folder is not None:
        return _read(Path(folder))
    found = default_model()
    try:
        return _read(found)
    except ArtifactError as error:
        raise ArtifactError(f"{error}\n{found} is the current model: {current.MEND}") from error


def _read(folder: Path) -> Model:
    manifest = _read_manifest(folder)
    for name, expected in manifest["files"].items():
        _check_digest(folder / name, expected["sha256"])
    arrays = map_arrays(folder / ARRAYS)
    try:
        return _model(folder, manifest, arrays)
    except (KeyError, TypeError, ValueError, LabelSchemeError) as error:
        raise ArtifactError(f"{folder / MANIFEST}: {type(error).__name__}: {error}; {RETRAIN}") from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise ArtifactError(
            f"{folder}: not a model folder: {MANIFEST} cannot be read ({error.strerror}); give a folder made by `conflict-training train`"
        ) from error
    except ValueError as error:
        raise ArtifactError(f"{path}: not JSON: {error}; {RETRAIN}") from error
    number = manifest.get("format") if isinstance(manifest, dict) else None
    if number != FORMAT:
        newer = isinstance(number, int) and number > FORMAT
        advice = "a newer version wrote it: upgrade this package" if newer else "make it again with `conflict-training train`"
        raise ArtifactError(f"{path}: format {number!r}, but this version reads format {FORMAT}; {advice}")
    files = manifest.get("files")
    if (
        not isinstance(files, dict)
        or ARRAYS not in files
        or not all(isinstance(entry, dict) and "sha256" in entry for entry in files.values())
    ):
        raise ArtifactError(f"{path}: lists no digest for {ARRAYS}; {RETRAIN}")
    strays = [name for name in files if Path(name).name != name]
    if strays:
        raise ArtifactError(f"{path}: file names must be plain, not {strays[0]!r}; {RETRAIN}")
    return manifest


def _check_digest(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: named in the manifest, cannot be read ({error.strerror}); {RETRAIN}") from error
    if found != expected:
        raise ArtifactError(f"{path}: SHA-256 is {found}, the manifest says {expected}: the file was changed or cut; {RETRAIN}")


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Map a safetensors file's arrays read-only, so that all processes share their pages. Raises ArtifactError on a malformed file."""
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = int.from_bytes(view[:8], "little")
        header = json.loads(view[8 : 8 + size])
        return {name: _map_array(view, 8 + size, entry) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: not a readable safetensors file ({type(error).__name__}: {error}); {RETRAIN}") from error


def _map_array(view: mmap.mmap, base: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    start, end = entry["data_offsets"]
    dtype = np.dtype(DTYPES[entry["dtype"]])
    array = np.frombuffer(view, dtype, (end - start) // dtype.itemsize, base + start)
    return array.reshape(entry["shape"])


def _model(folder: Path | None, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    for name, dimensions in SHAPES.items():
        if arrays[name].ndim != dimensions:
            raise ValueError(f"array {name!r} has {arrays[name].ndim} dimensions, not {dimensions}")
    labels = LabelScheme.from_json(manifest["labels"])
    classes = tuple(map(str, manifest["classes"]))
    _check_references(arrays, len(classes))
    if arrays["weights"].shape[1] != lanes(len(labels.columns)) or arrays["bias"].shape != (len(labels.columns),):
        raise ValueError(f"weights {arrays['weights'].shape} and bias {arrays['bias'].shape} for {len(labels.columns)} labels")
    thresholds = {topic: float(manifest["thresholds"][topic]) for topic in labels.topics}
    review = Review.from_json(manifest["review"])
    calibrators = tuple(from_json(manifest["calibration"][label]) for label in labels.columns) if manifest["calibration"] else ()
    settings = manifest["settings"]
    fold = FoldTable(*(arrays[f"fold_{name}"] for name in FoldTable._fields))
    tokens = TokenRule(fold, settings["ngrams"], classes, settings["hash_seed"], read_only(arrays["table"]))
    parts = (read_only(arrays["weights"]), read_only(arrays["bias"]))
    return Model(str(manifest["name"]), labels, tokens, *parts, thresholds, review, calibrators, manifest, folder)


def lanes(columns: int) -> int:
    """Say how wide the weights of so many columns are: idf and columns, up to a multiple of what the kernel adds up at once."""
    return -(-(1 + columns) // kernel.LANES) * kernel.LANES


def _check_references(arrays: Mapping[str, NDArray[Any]], class_count: int) -> None:
    """Refuse arrays that would lead the compiled kernel outside of them."""
    table = arrays["table"]
    filled = table[table[:, 0] != 0, 1]
    rows, classes = (filled & kernel.ROW).astype(np.int64) + kernel.STOP, filled >> kernel.HALF
    if table.shape[1] != 2 or len(table) & (len(table) - 1) or len(filled) == len(table):
        raise ValueError("array 'table' is no open-addressing table with room left")
    if len(filled) and (rows.max() >= len(arrays["weights"]) or classes.max() > class_count):
        raise ValueError("array 'table' points outside of 'weights' or of the word classes")
    pages, values, expansions = (arrays[f"fold_{name}"] for name in FoldTable._fields)
    if pages.shape != (4352,) or pages.min() < 0 or pages.max() * 256 + 256 > len(values) or values.max() > 0x10FFFF:
        raise ValueError("array 'fold_pages' points outside of 'fold_values'")
    places = -2 - values[values < -1]
    if len(places) and (
        places.max() >= len(expansions) or (expansions[places] < 1).any() or (places + expansions[places]).max() >= len(expansions)
    ):
        raise ValueError("array 'fold_values' points outside of 'fold_expansions'")


def in_memory(manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Model:
    """Make a model that stands on no disk from the parts that `write` takes."""
    return _model(None, manifest, arrays)


def contents(manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give the bytes of every file of a model folder; digests of the others go into the manifest. The same parts give the same bytes."""
    from safetensors.numpy import save

    whole = {ARRAYS: save(dict(arrays)), **files}
    digests = {name: {"sha256": digest(data), "bytes": len(data)} for name, data in sorted(whole.items())}
    return {**whole, MANIFEST: to_json({**manifest, "files": digests})}


def write(folder: Path, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], files: Mapping[str, bytes]) -> None:
    """Write a model folder, the files being `contents`, whole or not at all.

    An existing model folder is replaced; anything else in that place is refused.
    Raises ArtifactError when the place is taken or cannot be written.
    """
    whole = contents(manifest, arrays, files)
    if folder.exists() and not (folder / MANIFEST).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ArtifactError(f"{folder}: exists and is not a model folder; choose another place or remove it")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(folder, whole)
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be written: {error.strerror}") from error


def _write_whole(folder: Path, contents: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as space:
        fresh = Path(space) / "fresh"
        fresh.mkdir()
        for name, data in contents.items():
            with (fresh / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        swap_in(fresh, folder)


def digest(data: bytes) -> str:
    """Give the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def to_json(value: Any) -> bytes:
    """Write JSON in the one way that the project does: UTF-8, keys in the order given, indented by one, a line end last."""
    return (json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()
