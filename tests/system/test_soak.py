"""The service under everything at once, for half a minute; `tests/benchmarks/soak.py` does it for as long as one likes."""

from __future__ import annotations

import pytest

from tests.benchmarks import soak


def test_good_and_bad_callers_switches_and_kills_at_once_bring_no_wrong_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        soak, "KILL_EVERY", (7.0, 9.0)
    )  # a worker that dies twice within six seconds ends the service, for its supervisor to see
    record = soak.soak(25, callers=6)
    assert record.wrong == []
    assert record.unexplained() == []
    assert len(record.kills) >= 2
    assert len(record.models) == 2
    assert record.seen["broken models refused"] > 0
    assert min(record.seen["stories compared"], record.seen["bad requests answered as stated"]) > 100
