"""Promotion and the way back: what is refused, what is written, and what the history tells after an accident."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.errors import ArtifactError, ConflictError, ModelError
from service.model.artifact import read
from service.model.current import current_name
from training.corpus.stories import Corpus
from training.registry.history import BY_HAND, HISTORY, Move, append, held, read_history, standing
from training.registry.models import check_promotion, listed, promote, rollback


@pytest.fixture
def models(tmp_path: Path, small_model_dir: Path, rival_dir: Path, misled_dir: Path) -> Path:
    """Make a models folder: a good model as default, one as good, and one that was misled."""
    folder = tmp_path / "models"
    for name, source in (("default", small_model_dir), ("rival", rival_dir), ("misled", misled_dir)):
        shutil.copytree(source, folder / name)
    return folder


def make_current(models: Path, name: str, *on: Path, why: str | None = None) -> Move:
    ready = check_promotion(models, models / name, on, why)
    assert ready is not None
    return promote(ready)


def lines(models: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (models / HISTORY).read_text().splitlines()]


def moves(models: Path) -> list[Move]:
    return read_history(models, current_name(models))[0]


def test_a_model_as_good_is_promoted_and_the_history_tells_on_what_ground(
    models: Path, small_corpus: Corpus, small_corpus_dir: Path, rival_dir: Path
) -> None:
    make_current(models, "rival", small_corpus_dir / "stories.jsonl")
    assert (models / "current").read_text() == "rival\n"
    [line] = lines(models)
    assert line["action"] == "promote"
    assert line["from"]["folder"] == "default"
    assert line["to"] == {"folder": "rival", "model": read(rival_dir).name}
    assert line["figures"]["stories"] == len(small_corpus.rows)
    assert set(line["figures"]["labels"]) == set(read(rival_dir).labels.columns)
    assert {"difference", "interval", "gains", "losses", "p"} <= set(line["figures"]["labels"]["hostile"])
    assert line["why"] is None
    assert line["time"].endswith("Z")


def test_a_worse_model_is_refused_label_by_label_and_nothing_changes(models: Path, small_corpus_dir: Path) -> None:
    with pytest.raises(ModelError, match=r"not promoted: .*misled is significantly worse than default on border_clash.*--force WHY"):
        make_current(models, "misled", small_corpus_dir)
    assert {path.name for path in models.iterdir()} == {"default", "rival", "misled"}


def test_force_promotes_a_worse_model_and_keeps_the_reason_and_the_figures(models: Path, small_corpus_dir: Path) -> None:
    make_current(models, "misled", small_corpus_dir, why="a drill")
    [line] = lines(models)
    assert line["why"] == "a drill"
    assert line["figures"]["labels"]["hostile"]["verdict"] == "worse"
    assert current_name(models) == "misled"


def test_without_files_to_compare_on_it_asks_for_them(models: Path) -> None:
    with pytest.raises(ModelError, match="--on FILE, or promote without comparing with --force WHY"):
        make_current(models, "rival")


def test_the_current_model_is_not_promoted_again(models: Path) -> None:
    assert check_promotion(models, models / "default", [], None) is None


def spoil_digest(folder: Path) -> None:
    (folder / "card.md").write_text("changed")


def spoil_self_test(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["self_test"]["decisions"][0] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(("spoil", "message"), [(spoil_digest, "changed or cut"), (spoil_self_test, "its self-test gave")])
def test_no_force_promotes_a_model_that_does_not_work(models: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(models / "rival")
    with pytest.raises(ArtifactError, match=message):
        make_current(models, "rival", why="whatever")


def test_other_labels_need_force(models: Path, small_corpus_dir: Path) -> None:
    manifest = json.loads((models / "rival" / "manifest.json").read_bytes())
    manifest["labels"]["topics"] = {"talks" if name == "diplomacy" else name: text for name, text in manifest["labels"]["topics"].items()}
    for part in (manifest["thresholds"], manifest["calibration"], manifest["review"]["bands"]):
        part["talks"] = part.pop("diplomacy")
    (models / "rival" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="only the old has topic diplomacy; only the new has topic talks"):
        make_current(models, "rival", small_corpus_dir)
    assert make_current(models, "rival", small_corpus_dir, why="new scheme").figures is None


@pytest.mark.parametrize(
    ("place", "message"),
    [("elsewhere/rival", "does not lie in the models folder"), ("models/gone", "is no folder"), ("models/.rival", "cannot stand in")],
)
def test_a_model_has_to_lie_in_the_models_folder(models: Path, place: str, message: str) -> None:
    for copy in ("elsewhere/rival", "models/.rival"):
        shutil.copytree(models / "rival", models.parent / copy)
    with pytest.raises(ModelError, match=message):
        check_promotion(models, models.parent / place, [], "why")


def test_a_broken_current_model_can_only_be_replaced_by_force(models: Path, small_corpus_dir: Path) -> None:
    spoil_digest(models / "default")
    with pytest.raises(ModelError, match=r"the current model cannot be compared with: .*changed or cut"):
        make_current(models, "rival", small_corpus_dir)
    assert make_current(models, "rival", small_corpus_dir, why="repair").origin.model is None


def test_rollback_goes_back_step_by_step(models: Path) -> None:
    make_current(models, "rival", why="one")
    make_current(models, "misled", why="two")
    assert rollback(models).target.folder == "rival"
    make_current(models, "misled", why="three")
    assert [rollback(models).target.folder for _ in range(2)] == ["rival", "default"]
    with pytest.raises(ModelError, match="every promotion has been rolled back"):
        rollback(models)
    assert [line["action"] for line in lines(models)] == ["promote", "promote", "rollback", "promote", "rollback", "rollback"]


def test_rollback_without_a_promotion_is_an_error_and_writes_nothing(models: Path) -> None:
    with pytest.raises(ModelError, match="no model was promoted here"):
        rollback(models)
    assert not (models / HISTORY).exists()


def test_rollback_refuses_a_folder_that_holds_another_model_by_now(models: Path, misled_dir: Path) -> None:
    make_current(models, "rival", why="one")
    shutil.rmtree(models / "default")
    shutil.copytree(misled_dir, models / "default")
    with pytest.raises(ModelError, match=r"by now; .* was current before"):
        rollback(models)
    assert current_name(models) == "rival"


def test_rollback_leaves_a_broken_current_model(models: Path) -> None:
    make_current(models, "rival", why="one")
    shutil.rmtree(models / "rival")
    assert rollback(models).target.folder == "default"


def test_a_promotion_is_void_when_another_came_first(models: Path) -> None:
    ready = check_promotion(models, models / "rival", [], "one")
    assert ready is not None
    make_current(models, "misled", why="two")
    with pytest.raises(ModelError, match="misled became current while default was being compared with"):
        promote(ready)
    assert current_name(models) == "misled"


def test_a_move_that_was_cut_short_before_the_pointer_moved_does_not_count(models: Path) -> None:
    make_current(models, "rival", why="one")
    make_current(models, "misled", why="two")
    (models / "current").write_text("rival\n")
    assert [move.done for move in moves(models)] == [True, False]
    assert rollback(models).target.folder == "default"
    assert [move.done for move in moves(models)] == [True, False, True]


def test_a_rollback_that_was_cut_short_can_be_done_again(models: Path) -> None:
    make_current(models, "rival", why="one")
    rollback(models)
    (models / "current").write_text("rival\n")
    assert rollback(models).target.folder == "default"
    assert standing(moves(models)) == []


def test_a_pointer_changed_by_hand_is_told_and_can_be_rolled_back(models: Path) -> None:
    make_current(models, "rival", why="one")
    (models / "current").write_text("misled\n")
    assert [(move.action, move.origin.folder, move.target.folder) for move in moves(models)][1:] == [(BY_HAND, "rival", "misled")]
    assert rollback(models).target.folder == "rival"
    assert rollback(models).target.folder == "default"


def test_a_line_cut_in_the_middle_is_kept_and_passed_over(models: Path) -> None:
    make_current(models, "rival", why="one")
    whole = (models / HISTORY).read_bytes()
    (models / HISTORY).write_bytes(whole + whole[:40])
    assert read_history(models, "rival")[1] == 1
    make_current(models, "misled", why="two")
    data = (models / HISTORY).read_bytes()
    assert data.startswith(whole + whole[:40] + b"\n")
    assert [move.target.folder for move in moves(models)] == ["rival", "misled"]


def test_a_line_without_its_end_still_counts(models: Path) -> None:
    make_current(models, "rival", why="one")
    (models / HISTORY).write_bytes((models / HISTORY).read_bytes().rstrip(b"\n"))
    make_current(models, "misled", why="two")
    assert [move.target.folder for move in moves(models)] == ["rival", "misled"]


@pytest.mark.parametrize("line", ["[]", "5", '"x"', "{}", '{"from": 1}', '{"from": {"folder": "a"}}', "[" * 9999])
def test_lines_that_are_no_moves_are_counted_not_fatal(models: Path, line: str) -> None:
    (models / HISTORY).write_text(line + "\n")
    assert read_history(models, "default") == ([], 1)


def test_a_reason_in_any_script_is_one_line(models: Path) -> None:
    make_current(models, "rival", why="причина\nвторая\u2028строка")
    assert (models / HISTORY).read_bytes().count(b"\n") == 1
    assert moves(models)[0].why == "причина\nвторая\u2028строка"


def test_lines_written_at_once_stay_whole(models: Path) -> None:
    make_current(models, "rival", why="x" * 100_000)
    [move] = moves(models)
    with held(models) as history:
        append(history, move)
    assert len({line["why"] for line in lines(models)}) == 1


def test_the_list_marks_the_current_model_and_shows_what_is_broken_or_missing(models: Path, small_corpus: Corpus) -> None:
    make_current(models, "rival", why="one")
    spoil_digest(models / "misled")
    shutil.rmtree(models / "rival")
    (models / "notes").mkdir()
    found = {model.folder: model for model in listed(models)}
    assert set(found) == {"default", "misled", "rival"}
    assert [model.folder for model in found.values() if model.current] == ["rival"]
    assert found["default"].figures
    assert found["default"].stories == len(small_corpus.rows)
    assert "changed or cut" in found["misled"].fault
    assert "not a model folder" in found["rival"].fault


def test_a_folder_that_cannot_be_written_is_an_error(models: Path) -> None:
    ready = check_promotion(models, models / "rival", [], "one")
    (models / HISTORY).mkdir()
    assert ready is not None
    with pytest.raises(ConflictError, match="cannot be changed"):
        promote(ready)
    assert current_name(models) == "default"
