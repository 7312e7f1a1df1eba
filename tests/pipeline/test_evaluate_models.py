"""The command `arcface evaluate MODEL --images`: any model, measured on images."""

import io
import json
import pickle
import re
import sys
import warnings

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score, roc_curve
from typer.testing import CliRunner

from biometrics import EmbeddingSet
from pipeline.evaluate import app
from serving.embedder import Embedder
from tests.biometrics.cases import all_scores
from tests.pipeline.red_network import PEOPLE, SHOTS, levels_of, matrix_of_red
from tests.serving import prepared_model
from tests.serving.models import files

with warnings.catch_warnings(action="ignore"):  # its report writer imports pkg_resources
    from pyeer.eer_info import get_eer_stats

RIGHT = ("--colours", "rgb", "--mean", "127.5", "--scale", "1/127.5")


def png(levels):
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder with `faces`, `model.onnx`, which looks at red, and figures in `right`."""
    folder = tmp_path_factory.mktemp("measured")
    for person in range(PEOPLE):
        home = folder / f"faces/person{person:02d}"
        home.mkdir(parents=True)
        for shot in range(SHOTS):
            (home / f"{shot}.png").write_bytes(png(levels_of(person, shot)))
    (folder / "faces/person00/broken.png").write_bytes(png(levels_of(0, 0))[:60])
    files.onnx_file(folder / "model.onnx", matrix_of_red(), saturates=True)
    done = evaluate(folder, "right", *RIGHT)
    assert done.exit_code == 0, done.output
    (folder / "right.txt").write_text(done.output)
    return folder


def evaluate(folder, output, *options, model="model.onnx", images="faces"):
    arguments = [folder / model, "--images", folder / images, "--output", folder / output]
    lenient = ("--set", "data.max_quarantined=0.1")
    return CliRunner().invoke(app, [str(one) for one in (*arguments, *lenient, *options)])


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def expected_embeddings(keys):
    """What the network gives, by NumPy alone."""
    names = [re.fullmatch(r"person(\d+)/(\d+)\.png", key) for key in keys]
    levels = np.stack([levels_of(int(name[1]), int(name[2])) for name in names])
    pixels = (levels.astype(np.float64) - 127.5) / 127.5
    return np.tanh(4 * pixels).reshape(len(keys), -1) / 4 @ matrix_of_red()


def test_the_folder_holds_what_embeddings_of_the_same_images_give(places):
    images = EmbeddingSet.read_npz(places / "right/embeddings.npz")
    assert len(images.keys) == PEOPLE * SHOTS
    np.testing.assert_allclose(images.embeddings, expected_embeddings(images.keys), atol=1e-4)
    done = CliRunner().invoke(
        app, [str(places / "right/embeddings.npz"), "--output", str(places / "again")]
    )
    assert done.exit_code == 0, done.output
    ours, theirs = metrics_of(places / "right"), metrics_of(places / "again")
    of_pixels = {"remarks", "baselines", "baselines_missing", "gate"}
    assert {key: value for key, value in ours.items() if key not in of_pixels} == {
        key: value for key, value in theirs.items() if key not in of_pixels
    }


def test_the_figures_are_those_of_scikit_learn_and_pyeer(places):
    images = EmbeddingSet.read_npz(places / "right/embeddings.npz")
    scores, is_genuine = all_scores(expected_embeddings(images.keys), images.identities)
    metrics = metrics_of(places / "right")
    assert 0.01 < metrics["EER"] < 0.3  # neither is trivial
    assert metrics["AUC"] == pytest.approx(roc_auc_score(is_genuine, -scores), abs=1e-5)
    far, tar, _ = roc_curve(is_genuine, -scores, drop_intermediate=False)
    steps = np.abs(np.diff(far + 1 - tar)).max()
    theirs = get_eer_stats(scores[is_genuine], scores[~is_genuine], ds_scores=True)
    assert metrics["EER"] == pytest.approx(theirs.eer, abs=steps)
    assert metrics["TAR@FAR=1e-02"] == pytest.approx(tar[far <= 0.01].max(), abs=1e-9)


def test_what_is_declared_rightly_has_no_warning(places):
    assert "declared wrongly" not in (places / "right.txt").read_text()
    tried = json.loads((places / "right/preparation.json").read_text())["other_forms"]
    assert tried["images"] == PEOPLE * SHOTS
    assert [one["clearly_better"] for one in tried["tried"]] == [False] * 7


def test_refused_images_are_counted_and_listed(places):
    assert (
        "not measured: 1 of 71 images (1 truncated), listed in quarantine.csv"
        in (places / "right.txt").read_text()
    )
    assert "person00/broken.png" in (places / "right/quarantine.csv").read_text()


def test_the_report_says_what_the_model_was_given_and_shows_the_worst_pairs(places):
    page = (places / "right/report.html").read_text()
    assert "8x8, rgb, levels as [-1, 1]" in page
    assert "1 of 71 images" in page
    assert page.count("data:image/png;base64") > 10
    assert "raw pixels" in metrics_of(places / "right")["baselines"]


def test_what_is_declared_wrongly_is_said_in_the_terminal_and_in_the_report(places, tmp_path):
    """And it is held against the earlier result, on the same images."""
    wrong = ("--colours", "bgr", "--mean", "127.5", "--scale", "1/127.5")
    done = evaluate(places, tmp_path / "out", *wrong, "--latest-blessed", places / "right")
    assert done.exit_code == 3, done.output
    assert "latest blessed model" in (tmp_path / "out/reasons.txt").read_text()
    (remark,) = metrics_of(tmp_path / "out")["remarks"][:1]
    assert remark.startswith("The input may be declared wrongly: as rgb, levels as [-1, 1], the ")
    right = metrics_of(places / "right")["EER"]
    assert f"the EER of 70 images of 14 people is {right:.4f}, and as declared (bgr" in remark
    assert remark in done.output
    assert "The input may be declared wrongly" in (tmp_path / "out/report.html").read_text()


def test_a_model_of_this_project_prepares_images_as_it_says(places, tmp_path):
    model = prepared_model.save_model(tmp_path / "own", {"whole": 5}, align=False, resize="stretch")
    done = evaluate(places, tmp_path / "out", "--trust-model", model=model)
    assert done.exit_code in (0, 3), done.output
    images = EmbeddingSet.read_npz(tmp_path / "out/embeddings.npz")
    path = places / "faces" / images.keys[7]
    seen = Embedder(model).see(path, path.read_bytes())
    np.testing.assert_array_equal(images.embeddings[7], seen.embedding)
    tried = json.loads((tmp_path / "out/preparation.json").read_text())["other_forms"]
    assert tried["not_tried"] == "the model says itself what it takes"
    assert "nothing vouches for this model" in done.output


def write_manifest(places, file, landmarks):
    """The images as a list, with the five points, or without, and a column to group by."""
    points = "".join(f",{axis}{point}" for point in range(1, 6) for axis in "xy")
    rows = [f"path,identity,sex{points if landmarks else ''}"]
    for person in range(PEOPLE):
        for shot in range(SHOTS):
            path = places / f"faces/person{person:02d}/{shot}.png"
            values = ",2,3,5,3,4,4,2.5,6,5,6" if landmarks else ""
            rows.append(f"{path},person{person:02d},{'fm'[person % 2]}{values}")
    file.write_text("\n".join(rows) + "\n")
    return file


def write_bin(file):
    """Pairs of the people, as insightface writes them."""
    images, flags = [], []
    for shot, first, second in [(0, 0, 1), (1, 1, 2), (2, 2, 3), (0, 4, 5), (1, 6, 7), (2, 8, 9)]:
        images += [png(levels_of(first, shot)), png(levels_of(second, shot + 1))]
        images += [png(levels_of(first, shot)), png(levels_of(first, shot + 1))]
        flags += [False, True]
    file.write_bytes(pickle.dumps((images, flags), protocol=4))
    return file


def test_landmarks_of_a_manifest_align_its_columns_group_and_sets_are_embedded(places, tmp_path):
    manifest = write_manifest(places, tmp_path / "faces.csv", landmarks=True)
    further = (
        "evaluation.slices={columns: [sex]}",
        f"evaluation.verification={{lfw: {{file: {write_bin(tmp_path / 'lfw.bin')}}}}}",
        "data.follow_links=true",
    )
    sets = [word for one in further for word in ("--set", one)]
    options = (*RIGHT, "--align", "--tried-images", "0")
    done = evaluate(places, tmp_path / "out", *options, *sets, images=manifest)
    assert done.exit_code in (0, 3), done.output
    preparation = json.loads((tmp_path / "out/preparation.json").read_text())
    assert preparation["images"]["manners"] == {"test": {"aligned": PEOPLE * SHOTS}}
    assert preparation["other_forms"]["not_tried"] == "none was asked for"
    metrics = metrics_of(tmp_path / "out")
    assert set(metrics["slices"]["sex"]["groups"]) == {"f", "m"}
    found = metrics["verification"]["lfw"]
    assert found["counts"]["genuine_pairs"] == found["counts"]["impostor_pairs"] == 6
    assert found["figures"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "the order of its channels is not guessed: give --colours rgb or --colours bgr"),
        (("--colours", "rgb"), "which numbers stand for black and white is not guessed"),
        ((*RIGHT, "--size", "112x112"), "--size says 112, and .*model.onnx takes 8"),
        ((*RIGHT, "--size", "112"), "--size takes HEIGHTxWIDTH"),
        ((*RIGHT, "--layout", "nchw"), "--layout says nchw, and .*model.onnx takes nhwc"),
        ((*RIGHT, "--layout", "hwc"), "--layout is one of nhwc, nchw. Received: hwc"),
        ((*RIGHT, "--scale", "1/0"), "--scale takes a number such as 127.5 or 1/127.5"),
        ((*RIGHT, "--scale", "0"), "--scale 0 would make all images equal"),
        ((*RIGHT, "--align"), "--align: .*faces gives no landmarks"),
        ((*RIGHT, "--detector", "haar"), "image.detector"),
        ((*RIGHT, "--labels", "a.csv"), "--labels and --impostor are for embeddings and scores"),
    ],
)
def test_a_mistake_is_one_message_and_nothing_is_written(places, options, said):
    done = evaluate(places, "refused", *options)
    assert done.exit_code == 2, done.output
    assert re.search(said, " ".join(done.output.split()))
    assert "Traceback" not in done.output
    assert "[1/2]" not in done.output
    assert not (places / "refused").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("model.onnx",), "model.onnx is a model: give the --images to measure it on"),
        (("http://host/v2/models/a",), "is a model: give the --images"),
        (("faces.npz", "--colours", "rgb"), "the options for models need --images"),
        (("faces.npz", "--images", "faces", "--scores", "distance"), "--scores"),
    ],
)
def test_a_model_and_images_go_together(tmp_path, arguments, said):
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())


def test_images_of_which_none_can_be_used_are_one_message(places, tmp_path):
    (tmp_path / "faces/anna").mkdir(parents=True)
    (tmp_path / "faces/anna/1.png").write_bytes(b"no image")
    done = evaluate(places, tmp_path / "out", *RIGHT, images=tmp_path / "faces")
    assert done.exit_code == 2
    assert "Received: 0 of 1" in done.output


def test_where_only_measuring_is_installed_a_model_is_one_message(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "pipeline.model_images", None)
    done = evaluate(places, "refused", *RIGHT)
    assert done.exit_code == 2
    assert "a model is measured with the whole package" in done.output
