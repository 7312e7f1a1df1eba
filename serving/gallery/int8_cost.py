"""What int8 costs, on the very images of a gallery."""

import numpy as np

from biometrics.engine.pair_scores import score_pairs
from biometrics.engine.scores import GenuineAndImpostor
from biometrics.errors import EvaluationError
from biometrics.figures.metrics import true_accept_rate
from biometrics.figures.names import tar_key
from biometrics.figures.trials import supported_targets
from serving.gallery.gallery import Gallery
from serving.gallery.rows import Int8Rows

# All pairs of more images take long.
MOST_IMAGES = 5000
_TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def cost_of_int8(gallery: Gallery) -> str:
    """A sentence on TAR in int8 beside float32, at the lowest FAR that the gallery supports."""
    embeddings, people = gallery.sample(MOST_IMAGES)
    try:
        exact = score_pairs(embeddings, people, "cosine")
        small = score_pairs(_rounded(embeddings), people, "cosine")
    except EvaluationError:
        return (
            "int8: what is near is compared in float32; the gallery has no pairs to measure it by"
        )
    return (
        f"int8: what is near is compared in float32, so that the answers are the same; its bare "
        f"distances would give {_tar(exact, small)}, on {len(people):,} images of this gallery"
    )


def _rounded(embeddings: np.ndarray) -> np.ndarray:
    """What int8 stands for."""
    small = Int8Rows.of(embeddings)
    return small.values * small.steps[:, np.newaxis]


def _tar(exact: GenuineAndImpostor, small: GenuineAndImpostor) -> str:
    supported, _ = supported_targets(_TARGETS, exact.impostor.total)
    if not supported:
        return "no TAR: the impostor pairs are too few"
    far = min(supported)
    rates = (true_accept_rate(scores, far) for scores in (small, exact))
    in_int8, in_float32 = rates
    return f"{tar_key(far)} {in_int8:.4f} in place of {in_float32:.4f}"
