"""From levels to what a network takes, and what is refused where a declaration does not fit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faces.images.preprocess import PreparedImages, Preprocessing
from groundfloor.errors import UserError
from serving.models.input_form import Declared, InputForm, form_of, other_forms
from serving.models.model import ModelInput

WHOLE = Declared(colours="rgb", mean=(127.5,), scale=(1 / 127.5,))


class Said:
    """A model that only says what it takes."""

    name = "model.onnx"

    def __init__(self, shape, dtype="float32", prepared=None):
        self.input = ModelInput(shape, dtype)
        self.prepared = prepared


NETWORK = Said((None, 112, 96, 3))


def test_what_the_network_says_need_not_be_declared():
    form = form_of(NETWORK, WHOLE)
    assert form == InputForm((112, 96), "rgb", (127.5,), (1 / 127.5,), "nhwc", "float32")
    assert form.input_shape == (112, 96, 3)


def test_what_is_open_is_declared():
    model = Said((None, None, None, None))
    form = form_of(model, replace(WHOLE, size=(64, 48), layout="nchw"))
    assert (form.size, form.layout) == ((64, 48), "nchw")


@pytest.mark.parametrize(
    ("model", "declared", "said"),
    [
        (NETWORK, replace(WHOLE, size=(96, 112)), "--size says 96, and model.onnx takes 112"),
        (NETWORK, replace(WHOLE, layout="nchw"), "--layout says nchw, and model.onnx takes nhwc"),
        (NETWORK, replace(WHOLE, colours="grey"), "--colours says grey.* takes 3 channels"),
        (NETWORK, replace(WHOLE, colours=None), "give --colours rgb or --colours bgr"),
        (NETWORK, replace(WHOLE, mean=None), "give --mean and --scale"),
        (NETWORK, replace(WHOLE, scale=None), "give --mean and --scale"),
        (NETWORK, replace(WHOLE, mean=(1.0, 2.0)), "--mean has 2 numbers, and rgb has 3 channels"),
        (Said((None, 112, 112, 1)), WHOLE, "--colours says rgb, and model.onnx takes grey"),
        (Said((None, 112, 112, 4)), replace(WHOLE, layout="nhwc"), "4 channels"),
        (Said((None, None, None, 3)), WHOLE, "does not say it: give --size"),
        (Said((None, None, None, None)), WHOLE, "does not say it: give --layout"),
        (Said((None, 8, 8, 3), "uint8"), WHOLE, "makes -1 to 1 of the levels: whole numbers of 0"),
        (Said((None, 8, 8, 3), "int8"), Declared(colours="rgb"), "of -128 to 127 are needed"),
    ],
)
def test_what_does_not_fit_is_refused_and_both_are_named(model, declared, said):
    with pytest.raises(UserError, match=said):
        form_of(model, declared)


def test_a_network_of_whole_numbers_takes_levels_unless_something_else_is_declared():
    levels = form_of(Said((None, 8, 8, 3), "uint8"), Declared(colours="bgr"))
    assert (levels.mean, levels.scale, levels.dtype) == ((0.0,), (1.0,), "uint8")
    shifted = form_of(Said((None, 8, 8, 3), "int8"), Declared(colours="rgb", mean=(128.0,)))
    assert shifted.numbers(np.uint8([[[[0, 128, 255]]]])).tolist() == [[[[-128, 0, 127]]]]


OWN = PreparedImages(Preprocessing((8, 8, 3)), {})


def test_a_model_of_this_project_says_everything_itself():
    model = Said((None, 8, 8, 3), "uint8", OWN)
    form = form_of(model, Declared())
    assert form == InputForm((8, 8), "rgb", (0.0,), (1.0,), "nhwc", "uint8")
    assert form_of(model, Declared(size=(8, 8), colours="rgb")) == form


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Declared(colours="bgr"), "--colours says bgr, and model.onnx takes rgb"),
        (Declared(size=(9, 8)), "--size says 9x8, and model.onnx takes 8x8"),
        (Declared(mean=(127.5,)), "--mean says 127.5, and model.onnx takes 0.0"),
    ],
)
def test_what_contradicts_a_model_of_this_project_is_refused(declared, said):
    with pytest.raises(UserError, match=said):
        form_of(Said((None, 8, 8, 3), "uint8", OWN), declared)


LEVELS = st.builds(
    lambda seed, height: np.random.default_rng(seed).integers(
        0, 256, (2, height, 5, 3), dtype=np.uint8
    ),
    st.integers(0, 99),
    st.integers(1, 4),
)
THREE = st.tuples(*[st.floats(-300, 300)] * 3)


@given(LEVELS, THREE, THREE, st.sampled_from(["rgb", "bgr"]), st.sampled_from(["nhwc", "nchw"]))
def test_the_numbers_are_those_of_the_formula(levels, mean, scale, colours, layout):
    form = InputForm(levels.shape[1:3], colours, mean, scale, layout, "float32")
    ordered = levels[..., ::-1] if colours == "bgr" else levels
    expected = (ordered.astype(np.float64) - np.array(mean)) * np.array(scale)
    expected = expected if layout == "nhwc" else expected.transpose(0, 3, 1, 2)
    numbers = form.numbers(levels)
    assert numbers.dtype == np.float32
    np.testing.assert_array_equal(numbers, expected.astype(np.float32))


def test_the_numbers_of_bgr_are_those_of_opencv_for_the_same_picture():
    """As `cv2.dnn.blobFromImage(bgr, 1 / 127.5, mean=127.5)`, worked by hand."""
    form = InputForm((1, 1), "bgr", (127.5,), (1 / 127.5,), "nchw", "float32")
    red = np.uint8([[[[255, 0, 0]]]])
    assert form.numbers(red).ravel().tolist() == [-1.0, -1.0, 1.0]


def test_other_forms_are_the_other_channels_the_other_scales_and_both():
    form = InputForm((8, 8), "rgb", (127.5,), (1 / 128,), "nhwc", "float32")
    texts = [str(other) for other in other_forms(form)]
    assert len(texts) == len(set(texts)) == 7
    assert texts[0] == "bgr, levels as [-0.9961, 0.9961]"
    assert {"rgb, levels as [0, 255]", "bgr, levels as [0, 1]"} <= set(texts)
    assert not any("[-1, 1]" in text for text in texts)  # it is the declared one, nearly


def test_means_of_channels_go_with_their_channels():
    form = InputForm((8, 8), "bgr", (3.0, 2.0, 1.0), (1.0, 1.0, 1.0), "nhwc", "float32")
    swapped = other_forms(form)[0]
    assert (swapped.colours, swapped.mean) == ("rgb", (1.0, 2.0, 3.0))


def test_grey_has_no_other_channels_and_whole_numbers_no_other_scale():
    grey = InputForm((8, 8), "grey", (127.5,), (1 / 127.5,), "nhwc", "float32")
    assert {other.colours for other in other_forms(grey)} == {"grey"}
    assert len(other_forms(grey)) == 2
    whole = InputForm((8, 8), "rgb", (0.0,), (1.0,), "nhwc", "uint8")
    assert [other.colours for other in other_forms(whole)] == ["bgr"]
