"""Whether a wrong declaration of a model's input is found."""

import numpy as np
import pytest

from biometrics import EmbeddingSet
from faces.images.preprocess import Preprocessing
from pipeline.embedded_images import Network
from pipeline.tried_forms import try_forms
from serving.models import open_model
from serving.models.input_form import Declared, form_of
from tests.pipeline.red_network import PEOPLE, SHOTS, levels_of, matrix_of_red
from tests.serving.models import files

LEVELS = np.stack([levels_of(person, shot) for person in range(PEOPLE) for shot in range(SHOTS)])
RIGHT = {"colours": "rgb", "mean": (127.5,), "scale": (1 / 127.5,)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("red")
    path = files.onnx_file(folder / "model.onnx", matrix_of_red(), saturates=True)
    return open_model(str(path))


def tried(model, most=500, seed=42, **declared):
    form = form_of(model, Declared(**RIGHT | declared))
    network = Network(model, form, Preprocessing(form.input_shape), 32, 10**6)
    images = EmbeddingSet(
        embeddings=network.embed(LEVELS),
        identities=[f"person {person}" for person in range(PEOPLE) for _ in range(SHOTS)],
        keys=[f"image {place}" for place in range(len(LEVELS))],
        pixels=lambda places: LEVELS[places],
    )
    return try_forms(images, network, most=most, distance="cosine", seed=seed)


def best(trial):
    return str(trial.tried[0].form)


def test_the_right_declaration_has_no_warning(model):
    trial = tried(model)
    assert (trial.images, trial.people, len(trial.tried)) == (70, 14, 7)
    assert trial.remarks() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"colours": "bgr"},
        {"mean": (0.0,), "scale": (1.0,)},
        {"mean": (0.0,), "scale": (1.0,), "colours": "bgr"},
    ],
    ids=["channels", "scale", "both"],
)
def test_a_wrong_declaration_is_found_and_the_right_one_named(model, wrong):
    trial = tried(model, **wrong)
    assert trial.tried[0].is_better
    assert best(trial).startswith("rgb, levels as [-")
    (remark,) = trial.remarks()
    assert "The input may be declared wrongly" in remark
    assert "Look at --colours, --mean and --scale" in remark


def test_the_comparison_is_by_the_paired_interval_of_all_that_was_tried(model):
    trial = tried(model, colours="bgr")
    found = trial.tried[0]
    low, high = found.comparison.interval(1 - 0.05 / 7)
    assert found.interval == (low, high)
    assert low < found.comparison.difference < high < 0


def test_a_few_people_are_drawn_and_prove_nothing(model):
    trial = tried(model, most=20, colours="bgr")
    assert trial.people < PEOPLE
    assert trial.images <= 20


def test_a_form_that_the_model_makes_nothing_of_is_said_to_be_so(model):
    """A mean of the levels themselves, which are all 0 then: the embeddings have no direction."""

    class Blind:
        name, input, prepared = model.name, model.input, None

        def embed_pixels(self, pixels):
            embeddings = model.embed_pixels(pixels)
            return embeddings * (pixels.min() < -0.5)

    trial = tried(Blind())
    assert "not" in trial.tried[-1].why_not
    assert trial.tried[-1].comparison is None
    assert trial.to_json()["tried"][-1]["EER"] is None
