"""The same network in another format: whether it embeds as the model that was measured does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics.arrays import Float32
from biometrics.embeddings import EmbeddingSet
from biometrics.engine.distances import normalised
from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.trials import supported_targets
from biometrics.intervals.paired import compare_figures
from biometrics.settings import Settings

# The cosine of an image's two embeddings, above which they are one: float32 in another order of its
# sums stays within 1e-6 of 1, and colours or a scale that were mixed up do not.
LEAST_COSINE = 0.99999
# The same of an export in int8, in the mean over the images. What int8 costs stands beside it, in
# figures; a network that was mixed up is farther off.
LEAST_MEAN_COSINE = 0.95


@dataclass(frozen=True, eq=False)
class Exported:
    """What an export has made of the images.

    Attributes:
      embeddings: float32 [N, D], in the order of the images; None where there are none.
      failure: why not; empty where there are some.
      is_quantised: whether it computes in int8.
      size: of its files, in bytes.
    """

    embeddings: Float32 | None = None
    failure: str = ""
    is_quantised: bool = False
    size: int = 0


def measure_export(images: EmbeddingSet, exported: Exported, settings: Settings) -> dict[str, Any]:
    """Holds an export against the model, on the same images.

    Args:
      images: with the model's embeddings.
      exported: the export's.
      settings: of the evaluation.

    Returns:
      `passed`: whether it may be used in the model's place; `reason`: why not, else empty; `bytes`;
      where it has embedded the images, `least_cosine` and `mean_cosine` of its embeddings and the
      model's, and `farthest`, the largest distance of the two at length 1; of an export in int8,
      `figures`: EER, AUC, TAR and ranks by name, each with the `model`'s and the `export`'s, by
      thresholds of its own, and the 95 % `interval` of the difference, export less model.
    """
    measured: dict[str, Any] = {"passed": False, "reason": "", "bytes": exported.size}
    embeddings = exported.embeddings
    if embeddings is None:
        return measured | {"reason": exported.failure}
    if reason := _unusable(images, embeddings):
        return measured | {"reason": reason}
    ours, theirs = normalised(np.asarray(images.embeddings)), normalised(embeddings)
    cosines = np.einsum("nd,nd->n", ours, theirs)
    measured |= {"least_cosine": float(cosines.min()), "mean_cosine": float(cosines.mean())}
    measured["farthest"] = float(np.linalg.norm(ours - theirs, axis=1).max())
    reason = _disagreement(measured, exported.is_quantised)
    measured |= {"passed": not reason, "reason": reason}
    if exported.is_quantised:
        measured["figures"] = _figures(images, embeddings, settings)
    return measured


def passed(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Of metrics.json, the exports that may be used: name -> what `measure_export` found."""
    found = metrics.get("exports", {}).items()
    return {name: measured for name, measured in found if measured["passed"]}


def _unusable(images: EmbeddingSet, embeddings: NDArray[Any]) -> str:
    """Why no figures can be made of embeddings; empty where they can."""
    expected = np.shape(images.embeddings)
    if embeddings.shape != expected:
        return f"it gives {embeddings.shape} where the model gives {expected}"
    if not np.isfinite(embeddings).all():
        return "its embeddings are no finite numbers"
    if not np.linalg.norm(embeddings, axis=1).all():
        return "an embedding of it is 0 throughout"
    return ""


def _disagreement(measured: Mapping[str, Any], is_quantised: bool) -> str:
    """Why an export is another network than the model; empty where it is not."""
    least = LEAST_MEAN_COSINE if is_quantised else LEAST_COSINE
    key, which = ("mean_cosine", "mean") if is_quantised else ("least_cosine", "least")
    if measured[key] >= least:
        return ""
    return (
        f"it embeds the test images otherwise than the model: the {which} cosine is "
        f"{measured[key]:.6f}, and {least:g} is required"
    )


def _figures(images: EmbeddingSet, embeddings: Float32, settings: Settings) -> dict[str, Any]:
    """EER, AUC, TAR and ranks of both, each by its own thresholds."""
    ours = images.pairs(settings.distance)
    theirs = score_pairs(embeddings, images.identities, settings.distance)
    supported, _ = supported_targets(settings.target_fars, ours.impostor.total)
    compared = compare_figures(
        theirs, ours, seed=settings.seed, fars=supported, ranks=settings.ranks
    )
    return {
        key: {
            "model": figure.baseline,
            "export": figure.candidate,
            "interval": list(figure.interval()),
        }
        for key, figure in compared.items()
    }
