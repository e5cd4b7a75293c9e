"""Parts of a corpus that share something: a length, a source, a decade, whatever its rows name."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from service.errors import CorpusError
from training.corpus.stories import Corpus

Part = tuple[str, NDArray[np.int64]]
LENGTH = "length"
LENGTHS = ((65, "up to 65 words"), (210, "66 to 210 words"), (10**9, "over 210 words"))
DEFAULT = (LENGTH, "source")
FEWEST = 10
MOST_YEARS = 12
YEAR = re.compile(r"(1[5-9]\d\d|20\d\d)(?:$|-\d\d?(?:$|-\d\d?(?:$|[T ].*)))", re.DOTALL)


def slices(corpus: Corpus, columns: Sequence[str] | None = None) -> dict[str, list[Part]]:
    """Part the stories by each column, as (name, indices), in order; parts of fewer than 10 stories are left out.

    `length` counts words; any other name is a column of the rows. Columns whose values all look like years or dates are parted by year, or
    by decade when they span more than 12. By default by length and by source, where rows name one.
    Raises CorpusError for a column, asked for by name, that no row has a plain value in.
    """
    found = {column: _parts(corpus, column) for column in columns or DEFAULT}
    missing = [column for column, parts in found.items() if not parts]
    if missing and columns:
        raise CorpusError([_no_column(corpus, column) for column in missing])
    large = {column: [part for part in parts if len(part[1]) >= FEWEST] for column, parts in found.items()}
    return {column: parts for column, parts in large.items() if parts}


def length_of(text: str) -> str:
    """Name the class of length of a text."""
    words = len(text.split())
    return next(name for limit, name in LENGTHS if words <= limit)


def grouped_dates(values: Mapping[int, str]) -> dict[int, str]:
    """Turn dates and years into years, or decades when there are more than 12 years; give anything else back as it is."""
    years = {index: match[1] for index, value in values.items() if (match := YEAR.match(value))}
    if len(years) < len(values):
        return dict(values)
    if len(set(years.values())) <= MOST_YEARS:
        return years
    return {index: f"{year[:3]}0s" for index, year in years.items()}


def _parts(corpus: Corpus, column: str) -> list[Part]:
    if column == LENGTH:
        names = {index: length_of(text) for index, text in enumerate(corpus.texts)}
        return _grouped(names, [name for _, name in LENGTHS])
    names = grouped_dates(dict(_values(corpus, column)))
    return _grouped(names, sorted(set(names.values())))


def _values(corpus: Corpus, column: str) -> Iterator[tuple[int, str]]:
    for index, row in enumerate(corpus.rows):
        value = row.extra.get(column)
        if isinstance(value, str | int | float) and str(value).strip():
            yield index, str(value).strip()


def _grouped(names: Mapping[int, str], order: Sequence[str]) -> list[Part]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, name in names.items():
        groups[name].append(index)
    return [(name, np.array(groups[name])) for name in order if groups[name]]


def _no_column(corpus: Corpus, column: str) -> str:
    known = sorted({name for row in corpus.rows for name in row.extra} | {LENGTH})
    return f"column {column!r}: no story has a plain value there; there are {', '.join(known)}"
