"""Trains a model from Python alone, compares two images with it, and measures it on strangers.

python examples/train_from_python.py FACES OUTPUT FIRST_IMAGE SECOND_IMAGE [KEY=VALUE ...]

FACES is a folder of <identity>/<image>, or whatever else `data.input_dir` takes; the keys are those
of the configuration, such as training.epochs=20.
"""

import sys
from pathlib import Path

from biometrics import calculate_verification_metrics
from groundfloor.errors import UserError
from pipeline.face_model_trainer import SAVED_MODEL, FaceModelTrainer
from serving.embedder import Embedder


def main(faces: str, output: str, first: str, second: str, *settings: str) -> None:
    """Each paragraph of it may as well be a cell of a notebook."""
    trainer = FaceModelTrainer(
        experiment_name="from-python",
        output_dir=output,
        overrides=[f"data.input_dir={faces}", *settings],
    )
    images, _ = trainer.prepare_data()
    print(f"{len(images.labels)} images of {len(trainer.faces.vocabulary)} people to train on")

    callbacks = trainer.get_callbacks()  # Keras' own: add to them what you like
    result = trainer.train(callbacks)
    print(f"best epoch by {result.monitor}: {result.best_epoch} of {len(result.history['loss'])}")

    embedder = Embedder(Path(output, SAVED_MODEL))
    one, other = (
        embedder.see(path, path.read_bytes()).embedding for path in (Path(first), Path(second))
    )
    print(f"cosine distance of the two images: {1 - float(one @ other):.4f}")

    test = trainer.faces.splits["test"]  # people whom the training has never seen
    embeddings = result.embedding_model.predict(test.pixels, verbose=0)
    figures = calculate_verification_metrics(embeddings, test.identities, "cosine")
    print(f"of {len(set(test.identities))} strangers in {len(test.keys)} images:")
    print("\n".join(f"{name}: {value:.4f}" for name, value in figures.items()))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
