"""Tables in memory: Arrow, pandas and polars get the tagger's columns, and keep all else."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow as pa
import pytest

from service.errors import ColumnError, ExtraError
from service.model.columns import added_columns
from service.model.story import Story
from service.model.tagger import Tagger

TITLES = ["Two soldiers killed in border clash", None, "", "Truce"]
TEXTS = ["Shells fell.", "The two sides signed a ceasefire.", None, "Talks go on."]
COLUMNS = {"title": TITLES, "n": [4, 3, 2, 1], "text": TEXTS}


def expected(tagger: Tagger) -> list[dict[str, Any]]:
    stories = [Story(title=title or "", text=text or "") for title, text in zip(TITLES, TEXTS, strict=True)]
    return [{"topics": list(tags.topics), "tone": tags.tone, "score": tags.tone_scores.get("hostile")} for tags in tagger.tag(stories)]


def found(table: pa.Table) -> list[dict[str, Any]]:
    return [{"topics": row["topics"], "tone": row["tone"], "score": row["score_hostile"]} for row in table.to_pylist()]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())], ids=str)
@pytest.mark.parametrize("as_batch", [False, True])
def test_an_arrow_table_keeps_its_columns_and_gets_the_taggers(small_tagger: Tagger, kind: pa.DataType, as_batch: bool) -> None:
    text = pa.array(TEXTS).cast(kind) if not pa.types.is_dictionary(kind) else pa.array(TEXTS).dictionary_encode()
    table = pa.table({**COLUMNS, "text": text}).replace_schema_metadata({"made": "here"})
    tagged = small_tagger.tag_arrow(table.to_batches()[0] if as_batch else table)
    assert tagged.column_names == ["title", "n", "text", *(column.name for column in added_columns(small_tagger.model))]
    assert tagged.select(["title", "n", "text"]).equals(table)
    assert tagged.schema.metadata == {b"made": b"here"}
    assert found(tagged) == expected(small_tagger)


def test_a_row_without_words_gets_no_tags_and_says_why(small_tagger: Tagger) -> None:
    row = small_tagger.tag_arrow(pa.table(COLUMNS)).to_pylist()[2]
    assert (row["topics"], row["tone"], row["score_hostile"], row["review"]) == ([], None, None, ["no_known_words"])


def test_an_empty_table_gets_the_columns_and_no_rows(small_tagger: Tagger) -> None:
    tagged = small_tagger.tag_arrow(pa.table({"text": pa.array([], pa.string())}), prefix="p_")
    assert tagged.num_rows == 0
    assert tagged.schema.field("p_topics").type == pa.list_(pa.string())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"body": ["one"]}, "neither a column 'text' nor 'title'"),
        ({"text": [1]}, "column 'text' holds int64, not text"),
        ({"text": ["one"], "tone": ["mine"]}, "has a column 'tone' already"),
    ],
)
def test_tables_that_cannot_be_read_or_added_to_are_refused(small_tagger: Tagger, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        small_tagger.tag_arrow(pa.table(columns))


def test_pandas_frames_keep_index_and_types_even_where_labels_stand_twice(small_tagger: Tagger) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS | {"day": pandas.to_datetime(["2020-01-01"] * 4)}, index=["x", "x", "y", "z"])
    before = frame.copy()
    tagged = small_tagger.tag_frame(frame)
    assert type(tagged) is type(frame)
    pandas.testing.assert_frame_equal(frame, before)
    pandas.testing.assert_frame_equal(tagged[list(frame.columns)], before)
    assert tagged["topics"].tolist() == [row["topics"] for row in expected(small_tagger)]
    assert tagged["score_hostile"].dropna().tolist() == [row["score"] for row in expected(small_tagger) if row["score"] is not None]
    assert len(small_tagger.tag_frame(frame.iloc[:0])) == 0


def test_polars_frames_keep_their_columns(small_tagger: Tagger) -> None:
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    tagged = small_tagger.tag_frame(frame)
    assert type(tagged) is type(frame)
    assert tagged.select(frame.columns).equals(frame)
    assert tagged["topics"].to_list() == [row["topics"] for row in expected(small_tagger)]
    assert tagged["score_hostile"].to_list() == [row["score"] for row in expected(small_tagger)]
    assert tagged.schema["topics"] == polars.List(polars.String)
    assert small_tagger.tag_frame(frame.head(0)).height == 0


def test_other_columns_of_a_frame_may_hold_what_arrow_cannot(small_tagger: Tagger) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["Truce"], "thing": [object()]})
    assert small_tagger.tag_frame(frame)["thing"][0] is frame["thing"][0]


def test_what_is_no_frame_is_refused(small_tagger: Tagger) -> None:
    with pytest.raises(ColumnError, match="a dict is neither a pandas nor a polars DataFrame"):
        small_tagger.tag_frame({})


def test_without_pyarrow_the_extra_is_named(small_tagger: Tagger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraError, match=r"pip install 'conflict-tagger\[batch\]'"):
        small_tagger.tag_arrow(None)
