"""Measures somebody's embeddings: prints the figures with their intervals, and writes a report.

python examples/measure_embeddings.py EMBEDDINGS.npz REPORT.html

The .npz holds `embeddings` [N, D], `identities` [N], the person in each image, and `keys` [N], a
name for each image: np.savez(path, embeddings=..., identities=..., keys=...).
"""

import sys
from pathlib import Path

from biometrics import EmbeddingSet, EvaluationError, Rules, Settings, evaluate


def main(embeddings: str, report: str) -> None:
    """Without the images there are no baselines that the embeddings could be held against."""
    try:
        settings = Settings(rules=Rules(beat_baselines=False))
        found = evaluate(EmbeddingSet.read_npz(embeddings), settings)
    except EvaluationError as error:
        sys.exit(str(error))
    for name, (low, high) in found.metrics["intervals"].items():
        print(f"{name:22} {found.metrics[name]:.4f}   95 % interval {low:.4f} to {high:.4f}")
    Path(report).write_text(found.report, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
