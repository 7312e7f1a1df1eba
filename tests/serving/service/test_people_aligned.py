"""The gallery over HTTP, of a model whose faces are aligned by landmarks that are sent along."""

import pytest

from tests.serving.service.running import face, running
from tests.serving.service.test_people import enrol
from tests.serving.service.test_verifying import POINTS, aligned_folder


@pytest.fixture
def client(tmp_path):
    folder = aligned_folder(tmp_path / "serving")
    with running(folder, gallery=tmp_path / "gallery.db") as (client, _):
        yield client


def image(person):
    return face(person, size=(90, 80))


def nearest(client, person, **data):
    """The distance of the nearest image."""
    files = {"image": ("x.png", image(person))}
    answer = client.post("/v1/search", files=files, data=data)
    assert answer.status_code == 200, answer.text
    return answer.json()["candidates"][0]["distance"]


def test_landmarks_align_who_is_enrolled_and_who_is_searched(client):
    both = {"landmarks": [POINTS, ""], "allow": ["unprepared", "far"]}
    answer = enrol(client, "Jane", image(1), image(2), **both)
    assert answer.status_code == 200, answer.text
    assert nearest(client, 1, landmarks=POINTS) == pytest.approx(0, abs=1e-6)
    assert nearest(client, 1) > 1e-4
    assert nearest(client, 2) == pytest.approx(0, abs=1e-6)
    files = {"image": ("x.png", image(1))}
    named = client.post("/v1/identify", files=files, data={"landmarks": POINTS}).json()
    assert named["image"] == "0.png"


@pytest.mark.parametrize("landmarks", [[POINTS], [POINTS] * 3, [POINTS, "1,2"]])
def test_landmarks_that_are_not_those_of_each_image_are_a_400(client, landmarks):
    answer = enrol(client, "Jane", image(1), image(2), landmarks=landmarks)
    assert answer.status_code == 400
    assert (
        "landmarks are those of each image, 2 here" in answer.text or "five points" in answer.text
    )
