"""What an evaluation protocol is, and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import numpy as np

from biometrics.embeddings import EmbeddingSet, ImageSet
from biometrics.settings import ProtocolSettings


@dataclass(frozen=True)
class ProtocolResult:
    """What a protocol found.

    Attributes:
      description: one sentence on what was compared with what.
      figures: key -> number.
      counts: what was counted -> how many.
      intervals: key -> [low, high], 95 %, for the figures that have one.
      unsupported: key -> the trials it would need; such a key has no figure.
      curves: name -> column -> values; the columns of a curve are equally long.
      remarks: what a reader of the figures has to know, a sentence each.
    """

    description: str
    figures: Mapping[str, float]
    counts: Mapping[str, int]
    intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unsupported: Mapping[str, int] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @classmethod
    def not_measured(cls, error: Exception) -> Self:
        """No figures, and why."""
        return cls("Not measured.", {}, {}, remarks=(f"Not measured: {error}",))

    def to_json(self) -> dict[str, Any]:
        """The protocol's part of metrics.json: all but the curves, as plain Python values."""
        return {
            "description": self.description,
            "figures": {key: float(value) for key, value in self.figures.items()},
            "intervals": {
                key: [float(end) for end in ends] for key, ends in self.intervals.items()
            },
            "counts": {key: int(count) for key, count in self.counts.items()},
            "unsupported": {key: int(needed) for key, needed in self.unsupported.items()},
            "remarks": list(self.remarks),
        }


class EvaluationProtocol(Protocol):
    """A way to make comparisons or searches of a set of images. Its options are its fields."""

    def plan(self, images: ImageSet, settings: ProtocolSettings) -> Any:
        """What is to be compared with what; no embedding is needed for it.

        Raises:
          EvaluationError: the protocol is undefined on these images, or its file is no use.
        """
        ...

    def run(self, images: EmbeddingSet, settings: ProtocolSettings) -> ProtocolResult:
        """Measures the images.

        Raises:
          EvaluationError: the protocol is undefined on these images.
        """
        ...
