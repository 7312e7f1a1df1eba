"""From what the networks say to faces, without the networks."""

import numpy as np
import pytest

from faces.detection import mtcnn

IMAGE = np.zeros((100, 80, 3), np.uint8)
BOX = (20.0, 30.0, 60.0, 80.0)
X, Y = (30.0, 50.0, 40.0, 32.0, 48.0), (45.0, 45.0, 55.0, 70.0, 70.0)


@pytest.fixture
def canvas():
    return mtcnn._canvas(IMAGE, margin=0.0)


def face_of(canvas, box=BOX, score=0.9, x=X, y=Y):
    return mtcnn._face(np.array([0, *box, score, *x, *y]), canvas)


def test_a_row_is_a_face(canvas):
    face = face_of(canvas)
    assert face.box == BOX
    assert face.landmarks == (30, 45, 50, 45, 40, 55, 32, 70, 48, 70)
    assert face.score == 0.9
    assert all(type(number) is float for number in (*face.box, *face.landmarks, face.score))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_make_no_face(canvas, number):
    assert face_of(canvas, box=(number, *BOX[1:])) is None
    assert face_of(canvas, score=number) is None
    assert face_of(canvas, x=(number, *X[1:])) is None


@pytest.mark.parametrize(
    "box", [(90, 30, 120, 80), (-50, 30, -1, 80), (20, 100, 60, 140), (60, 30, 20, 80)]
)
def test_a_box_outside_of_the_image_or_without_an_area_is_no_face(canvas, box):
    assert face_of(canvas, box=box) is None


def test_a_box_ends_where_the_image_does(canvas):
    assert face_of(canvas, box=(-9, -9, 99, 199)).box == (0, 0, 80, 100)


def test_points_far_from_their_box_or_all_in_one_place_are_no_face(canvas):
    assert face_of(canvas, x=(30, 50, 40, 32, 81)) is None
    assert face_of(canvas, x=(30, 50, 40, 32, 79)) is not None
    assert face_of(canvas, x=(40,) * 5, y=(50,) * 5) is None


def test_a_score_is_at_most_one(canvas):
    assert face_of(canvas, score=1.0000001).score == 1.0


@pytest.mark.parametrize("margin", [0.0, 0.25])
@pytest.mark.parametrize(
    ("height", "width"), [(100, 80), (20, 31), (1500, 1000), (700, 3000), (1, 900)]
)
def test_corners_of_the_image_come_back_from_the_canvas(height, width, margin):
    canvas = mtcnn._canvas(np.zeros((height, width, 3), np.uint8), margin)
    inner = np.multiply((width, height), canvas.scale)
    box = (*canvas.start, *np.add(canvas.start, inner))
    middles = np.add(canvas.start, inner / 2) + np.arange(5)[:, None] / 8
    face = mtcnn._face(np.array([0, *box, 0.9, *middles.T.ravel()]), canvas)
    assert face.box == pytest.approx((0, 0, width, height))
    expected = (
        np.array([width, height]) / 2 + (np.arange(5)[:, None] / 8 + 0.5) / canvas.scale
    ) - 0.5
    assert face.landmarks == pytest.approx(expected.ravel(), abs=0.006)


@pytest.mark.parametrize(
    ("shape", "scaled"),
    [
        ((112, 92), (112, 92)),
        ((20, 31), (48, 74)),
        ((1500, 1000), (640, 427)),
        ((1, 900), (1, 640)),
    ],
)
def test_an_image_gets_a_size_that_the_networks_take(shape, scaled):
    canvas = mtcnn._canvas(np.full((*shape, 3), 7, np.uint8), margin=0.0)
    assert [round(side) for side in np.multiply(canvas.size, canvas.scale)][::-1] == list(scaled)
    assert all(side % 32 == 0 for side in canvas.pixels.shape[:2])
    height, width = scaled
    assert (canvas.pixels[:height, :width] == 7).all()
    assert (canvas.pixels[height:] == 128).all()
    assert (canvas.pixels[:, width:] == 128).all()


def test_images_of_one_size_go_together_as_far_as_memory_allows(monkeypatch):
    monkeypatch.setattr(mtcnn, "_BATCH_PIXELS", 3 * 64 * 64)
    sides = [60, 120, 64, 50, 61, 130]
    canvases = [mtcnn._canvas(np.zeros((side, side, 3), np.uint8), 0.0) for side in sides]
    assert list(mtcnn._batches(canvases)) == [[0, 2, 3], [4], [1], [5]]
