"""The files that a measurement leaves behind, wherever they are written."""

import io
import json
from typing import Any

import numpy as np

from biometrics.embeddings import EmbeddingSet
from biometrics.evaluation import Evaluation

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
REASONS_FILE = "reasons.txt"
CURVES_FOLDER = "curves"


def evaluation_files(evaluation: Evaluation) -> dict[str, bytes]:
    """Path -> content of figures, report and curves; paths are relative, with `/`."""
    metrics = json.dumps(evaluation.metrics, indent=2, allow_nan=False) + "\n"
    curves = {f"{CURVES_FOLDER}/{name}": held for name, held in evaluation.curves.items()}
    texts = {METRICS_FILE: metrics, REPORT_FILE: evaluation.report}
    return {name: text.encode() for name, text in texts.items()} | curves


def reasons_text(evaluation: Evaluation) -> str:
    """The content of `REASONS_FILE`: a line for each reason of the decision."""
    return "\n".join(evaluation.blessing.reasons) + "\n"


def embeddings_file(images: EmbeddingSet) -> bytes:
    """The content of `embeddings.npz`, as `EmbeddingSet.read_npz` reads it."""
    return npz(
        keys=np.array(images.keys),
        identities=np.array(images.identities),
        embeddings=images.embeddings,
    )


def npz(**arrays: Any) -> bytes:
    """Arrays as the content of an .npz."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()
