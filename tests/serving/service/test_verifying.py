"""Two images over HTTP: the same answer as `arcface verify` gives."""

import pytest

from biometrics.thresholds.pack import digest_of_folder
from faces.images.align import TEMPLATE
from pipeline.verdict import answer
from serving.choice import choose_model
from serving.comparison import compare_images
from serving.embedder import Embedder
from serving.model_dir import contents_of
from tests.biometrics.packs import threshold_pack
from tests.serving.prepared_model import save_model
from tests.serving.service.running import face, pair, running
from tests.serving.versions import write_pack

POINTS = ",".join(f"{number:.2f}" for number in (TEMPLATE * 0.7).ravel())


def aligned_folder(folder):
    """A serving folder with a model whose own images were aligned."""
    version = save_model(folder / "1", {"aligned": 9})
    pack = threshold_pack(model_sha256=digest_of_folder(contents_of(str(version))))
    write_pack(version / "assets.extra", pack)
    return folder


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """A service of such a model."""
    with running(aligned_folder(tmp_path_factory.mktemp("serving"))) as (client, _):
        yield client


@pytest.mark.parametrize("far", [None, 0.01])
def test_the_numbers_are_those_that_the_command_prints(client, serving_folder, far):
    images = [face(1), face(2, size=(50, 40))]
    data = {"prior": 0.1} | ({"far": far} if far else {})
    said = client.post("/v1/verify", files=pair(*images), data=data).json()

    model = choose_model(serving_folder, trust_model=False)
    embedder = Embedder(model.path)
    seen = (embedder.see(f"{place}", image) for place, image in enumerate(images))
    compared = compare_images(*seen, model.pack)
    lines = answer(compared, model.pack, model.pack.operating_point(far), model.path, 0.1)
    assert said["distance"] == pytest.approx(compared.distance, abs=2**-20)
    assert f"threshold {said['threshold']['value']:.4f} ({said['threshold']['name']}" in lines[1]
    assert said["threshold"]["state"] in lines[2]
    assert f"{said['log_likelihood_ratio']:+.2f} (natural)" in lines[3]
    assert f"probability {said['probability']:.4f}, at a prior of 0.1" in lines[3]
    assert said["model"]["vouched_by"].startswith(lines[4].split()[-1])
    assert lines[5] == ("same person" if said["same"] else "different people")


def test_one_image_given_twice_is_said_and_has_no_probability(client):
    said = client.post("/v1/verify", files=pair(face(1), face(1))).json()
    assert any("the very same pixels" in remark for remark in said["remarks"])
    assert said["probability"] is said["log_likelihood_ratio"] is None


def test_landmarks_align_a_face_and_without_them_it_is_said_that_none_were_given(aligned):
    files = pair(face(1, size=(90, 80)), face(2, size=(90, 80)))
    said = aligned.post("/v1/verify", files=files).json()
    assert "its landmarks were not given" in str(said["remarks"])
    both = {"first_landmarks": POINTS, "second_landmarks": POINTS}
    with_points = aligned.post("/v1/verify", files=files, data=both).json()
    assert with_points["remarks"] == []
    assert with_points["distance"] != said["distance"]


@pytest.mark.parametrize("points", ["1,2", "x" + POINTS, POINTS + ",1", "nan," * 10, "9," * 10])
def test_landmarks_that_are_none_are_a_400(aligned, points):
    data = {"first_landmarks": points}
    answered = aligned.post("/v1/verify", files=pair(face(1), face(2)), data=data)
    assert answered.status_code == 400
    assert answered.json().keys() == {"error"}
