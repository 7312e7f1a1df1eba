"""Loads delivered models in a process that has Keras and MLflow, and nothing of this project.

python -I bare_process.py RESULT PIXELS KERAS_FILE [TRACKING_URI MODEL_URI]

Writes the embeddings of the pixels in PIXELS to RESULT, both .npz: `keras`, and `mlflow`.
"""

import importlib.abc
import sys

_PROJECT = ("biometrics", "components", "faces", "groundfloor", "pipeline", "serving", "tests")


class _WithoutTheProject(importlib.abc.MetaPathFinder):
    """Hides the project, which an editable install puts on every path."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] in _PROJECT:
            raise ModuleNotFoundError(f"no {fullname} in a bare process")


def main(result, pixels_file, keras_file, tracking_uri=None, model_uri=None):
    import keras  # noqa: PLC0415 - after the project is hidden
    import numpy as np  # noqa: PLC0415

    pixels = np.load(pixels_file)["pixels"]
    embeddings = {"keras": keras.saving.load_model(keras_file)(pixels, training=False)}
    if model_uri:
        import mlflow  # noqa: PLC0415

        mlflow.set_tracking_uri(tracking_uri)
        embeddings["mlflow"] = mlflow.keras.load_model(model_uri)(pixels, training=False)
        embeddings["pyfunc"] = mlflow.pyfunc.load_model(model_uri).predict(pixels)
    np.savez(result, **{name: np.asarray(values) for name, values in embeddings.items()})


if __name__ == "__main__":
    sys.meta_path.insert(0, _WithoutTheProject())
    main(*sys.argv[1:])
