"""The same network in another format: whether it embeds as the model that was measured does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biometrics.arrays import Float32
from biometrics.embeddings import EmbeddingSet
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
      model's; of an export in int8, `figures`: EER, AUC, TAR and ranks by name, each with the
      `model`'s and the `export`'s, each by its own thresholds, and the 95 % `interval` of the
      difference, export less model.
    """
    measured: dict[str, Any] = {"passed": False, "reason": "", "bytes": exported.size}
    reason = exported.failure or _unusable(images, exported.embeddings)
    if reason or exported.embeddings is None:
        return measured | {"reason": reason}
    cosines = _cosines(np.asarray(images.embeddings), exported.embeddings)
    measured |= {"least_cosine": float(cosines.min()), "mean_cosine": float(cosines.mean())}
    reason = _disagreement(measured, exported.is_quantised)
    measured |= {"passed": not reason, "reason": reason}
    if exported.is_quantised:
        measured["figures"] = _figures(images, exported.embeddings, settings)
    return measured


def passed(metrics: Mapping[str, Any]) -> list[str]:
    """The names of the exports that may be used, of metrics.json."""
    return [name for name, measured in metrics.get("exports", {}).items() if measured["passed"]]


def _unusable(images: EmbeddingSet, embeddings: NDArray[Any] | None) -> str:
    """Why no figures can be made of embeddings; empty where they can."""
    expected = np.shape(images.embeddings)
    if embeddings is None or embeddings.shape != expected:
        return f"it gives {np.shape(embeddings)} where the model gives {expected}"
    if not np.isfinite(embeddings).all():
        return "its embeddings are no finite numbers"
    if not np.linalg.norm(embeddings, axis=1).all():
        return "an embedding of it is 0 throughout"
    return ""


def _cosines(ours: NDArray[Any], theirs: NDArray[Any]) -> NDArray[np.float64]:
    products = np.einsum("nd,nd->n", ours, theirs, dtype=np.float64)
    lengths = [np.linalg.norm(either.astype(np.float64), axis=1) for either in (ours, theirs)]
    return products / (lengths[0] * lengths[1])


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
