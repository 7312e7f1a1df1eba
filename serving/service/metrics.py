"""What Prometheus is told."""

from collections.abc import Callable
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from serving.service.refusals import STATUS

MEDIA_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The counts of one service, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        options: dict[str, Any] = {"namespace": "arcface", "registry": self._registry}
        self._requests = Counter(
            "requests", "Requests that were answered.", ("method", "route", "status"), **options
        )
        self._seconds = Histogram(
            "request_seconds",
            "From the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_SECONDS,
            **options,
        )
        self._batches = Histogram(
            "batch_images", "Images that the model saw at a time.", buckets=_IMAGES, **options
        )
        self._refusals = Counter("refusals", "Requests that were refused.", ("reason",), **options)
        self._in_flight = Gauge("requests_in_flight", "Requests that are worked on.", **options)
        self._queue = Gauge("queue_images", "Images that wait for the model.", **options)
        self._model = Gauge(
            "model_info", "1 for the model that serves.", ("version", "sha256"), **options
        )
        for reason in STATUS:  # so that a rate of them begins at zero
            self._refusals.labels(reason)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Counts an answer; `route` is the pattern of a path, lest names be kept."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def refused(self, reason: str) -> None:
        """Counts a refusal by a key of `STATUS`."""
        self._refusals.labels(reason).inc()

    def batch(self, images: int) -> None:
        """Counts a batch."""
        self._batches.observe(images)

    def watch(self, in_flight: Callable[[], float], queue: Callable[[], float]) -> None:
        """Names what is asked for the two lengths when they are wanted."""
        self._in_flight.set_function(in_flight)
        self._queue.set_function(queue)

    def serving(self, version: str, sha256: str) -> None:
        """Names the model that serves from now on."""
        self._model.clear()
        self._model.labels(version, sha256).set(1)

    def text(self) -> bytes:
        """All of it, in Prometheus' format."""
        return generate_latest(self._registry)
