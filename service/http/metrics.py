"""Figures for Prometheus; under several worker processes they add up through the folder that PROMETHEUS_MULTIPROC_DIR names.

`conflict-service serve` makes that folder; without it the figures are one process's own.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

from flask import Flask, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client import Counter as Count
from prometheus_client.multiprocess import MultiProcessCollector

EXTENSION = "conflict-metrics"
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
TENTHS = tuple(tenth / 10 for tenth in range(1, 11))


class Metrics:
    """One app's figures. Labels' names and routes come from the model and the app, never from a caller."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        prefix = "conflict"
        self._requests = Count(f"{prefix}_requests", "Requests answered.", ("route", "method", "status"), registry=registry)
        self._seconds = Histogram(f"{prefix}_request_seconds", "Time to an answer.", ("route",), buckets=SECONDS, registry=registry)
        self._stories = Count(f"{prefix}_stories", "Stories tagged.", registry=registry)
        self._refused = Count(f"{prefix}_stories_refused", "Stories of partial lists and streams not answered.", registry=registry)
        self._review = Count(f"{prefix}_stories_for_review", "Stories tagged that a person should look at.", registry=registry)
        self._reasons = Count(f"{prefix}_review_reasons", "Why stories should be looked at.", ("reason",), registry=registry)
        self._labels = Count(f"{prefix}_labels", "Labels given.", ("label",), registry=registry)
        self._coverage = Histogram(f"{prefix}_coverage", "Share of known words per story.", buckets=TENTHS, registry=registry)
        self._loads = Count(f"{prefix}_model_loads", "Models taken up or refused.", ("outcome",), registry=registry)
        self._model = Gauge(
            f"{prefix}_model_info", "1 for the model in use.", ("model",), registry=registry, multiprocess_mode="mostrecent"
        )
        self._current: str | None = None
        self._child = cache(lambda metric, *values: metric.labels(*values))

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._child(self._requests, route, method, str(status)).inc()
        self._child(self._seconds, route).observe(seconds)

    def answers(self, answers: Sequence[dict[str, Any]], refused: int = 0) -> None:
        """Count what stories were answered, and how many were not."""
        self._stories.inc(len(answers))
        if refused:
            self._refused.inc(refused)
        for_review = sum(bool(said["review"]) for said in answers)
        if for_review:
            self._review.inc(for_review)
        for said in answers:
            self._coverage.observe(said["coverage"])
        self._add(self._labels, Counter(label for said in answers for label in (*said["topics"], said["tone"]) if label))
        self._add(self._reasons, Counter(reason for said in answers for reason in said["review"]))

    def _add(self, metric: Count, counts: Counter[str]) -> None:
        for name, number in counts.items():
            self._child(metric, name).inc(number)

    def model(self, name: str | None, refused: str | None) -> None:
        """Note the model in use, and whether another was refused."""
        self._loads.labels("refused" if refused else "taken").inc()
        if self._current is not None and self._current != name:
            self._model.labels(self._current).set(0)
        if name is not None:
            self._model.labels(name).set(1)
        self._current = name

    def text(self) -> bytes:
        """Give all figures in Prometheus's text format: those of all worker processes where there are several."""
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus-client leaves it untyped
        return generate_latest(registry)


def init_app(app: Flask) -> None:
    """Give the app its figures."""
    app.extensions[EXTENSION] = Metrics()


def metrics(app: Flask | None = None) -> Metrics:
    """Give an app's figures, by default the current app's."""
    found: Metrics = (app or current_app).extensions[EXTENSION]
    return found


def show() -> Response:
    """Answer with the figures."""
    return Response(metrics().text(), content_type=CONTENT_TYPE_LATEST)
