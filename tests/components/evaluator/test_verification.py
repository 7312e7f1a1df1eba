"""Verification sets, measured by FaceEvaluator in the run of the test split."""

import hashlib
import json
import pickle
import shutil
from functools import partial
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from PIL import Image

from benchmarks.steps import run_example_gen, run_transform
from components.evaluator.config import PairSetConfig
from components.evaluator.files import read_bytes
from components.evaluator.pair_sets import list_set
from components.evaluator.split_data import SplitData
from components.evaluator.verification import SetEmbedder, trained_on
from faces.images.decode import decode_and_resize
from faces.storage import read_split
from serving.signatures import EMBEDDING_KEY, SERVING_SIGNATURE
from tests.biometrics.protocols.cases import peers_figures
from tests.conftest import draw_face, encoded, write_faces
from tests.stages import SMALL_MODEL, files_of, run_evaluator, run_trainer

NEW = range(100, 140)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_faces(tmp_path_factory.mktemp("source") / "faces", people=10, shots=5)


@pytest.fixture(scope="module")
def transformed(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    examples = run_example_gen(source, folder / "gen", test_split=0.4)["examples"]
    return run_transform(examples, folder / "transform", tuple(SMALL_MODEL.input_shape))


@pytest.fixture(scope="module")
def model(transformed, tmp_path_factory):
    return run_trainer(transformed, tmp_path_factory.mktemp("trained"))["model"]


@pytest.fixture(scope="module")
def trained(transformed):
    """The keys of the training images, and one of `val`."""
    examples = transformed["transformed_examples"]
    train, val = (
        sorted(
            key.decode() for key in read_split(files_of(examples, split), (32, 32, 3))["image/key"]
        )
        for split in ("train", "val")
    )
    return train, val[0]


def person_of(key):
    return key.split("/")[0]


def rename(pairs, name, new):
    """Gives somebody another name."""
    home = (pairs.parent / "lfw" / name).rename(pairs.parent / "lfw" / new)
    for file in sorted(home.iterdir()):
        file.rename(home / file.name.replace(name, new))
    pairs.write_text(pairs.read_text().replace(name, new))


def write_lfw(folder, people, shots=4):
    """A folder as LFW's, and its pairs.txt of two folds: neighbours, and strangers."""
    names = [f"New_{person}" for person in people]
    for person, name in zip(people, names, strict=True):
        (folder / name).mkdir(parents=True)
        for shot in range(shots):
            draw_face(person, shot).save(folder / name / f"{name}_{shot + 1:04d}.png")
    half = len(names) // 2
    lines = [f"2\t{half}"]
    for fold in (names[:half], names[half:]):
        lines += [f"{name}\t1\t2" for name in fold]
        lines += [
            f"{name}\t3\t{other}\t4" for name, other in zip(fold, np.roll(fold, 1), strict=True)
        ]
    path = folder.parent / "pairs.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def pairs_of_bin(leaked):
    """Images and flags; one of the images is one that the model was trained on."""
    images, flags = [], []
    for pair in range(60):
        same = pair % 2 == 0
        second = draw_face(200 + pair if same else 300 + pair, 1)
        images += [encoded(draw_face(200 + pair, 0), "png"), encoded(second, "png")]
        flags.append(same)
    images[7] = leaked
    return images, flags


@pytest.fixture(scope="module")
def given(source, trained, tmp_path_factory):
    """The sets' files, and what is in the .bin."""
    folder = tmp_path_factory.mktemp("sets")
    pairs = write_lfw(folder / "lfw", NEW)
    shutil.copy(source / trained[1], folder / "lfw/New_100/New_100_0001.png")
    (folder / "lfw/New_103/New_103_0002.png").write_bytes(b"broken")
    rename(pairs, "New_105", person_of(trained[0][len(trained[0]) // 2]))
    packed = pairs_of_bin((source / trained[0][-1]).read_bytes())
    (folder / "agedb_30.bin").write_bytes(pickle.dumps(packed, protocol=4))
    damaged = folder / "cut.bin"
    damaged.write_bytes(pickle.dumps(packed, protocol=4)[:-9])
    return folder, packed


@pytest.fixture(scope="module")
def evaluated(transformed, model, given, tmp_path_factory):
    folder, _ = given
    return run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path_factory.mktemp("evaluated"),
        target_fars=[0.1],
        protocols={"pairs": {"file": str(folder / "agedb_30.bin")}},
        verification={
            "lfw": {
                "file": str(folder / "pairs.txt"),
                "images": str(folder / "lfw"),
                "min_share": 0.8,
            },
            "cut": {"file": str(folder / "cut.bin")},
        },
    )


@pytest.fixture(scope="module")
def metrics(evaluated):
    path = Path(evaluated["evaluation"].uri) / "metrics.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def served(model):
    loaded = tf.saved_model.load(f"{model.uri}/Format-Serving")

    def embed(images):
        signature = loaded.signatures[SERVING_SIGNATURE]
        return signature(image_bytes=tf.constant(images))[EMBEDDING_KEY].numpy()

    return embed


def assert_like_peers(block, embeddings, same):
    accuracy, auc, eer, tar = peers_figures(embeddings, np.array(same))
    figures = block["figures"]
    assert figures["AUC"] == pytest.approx(auc, abs=1e-3)
    assert figures["EER"] == pytest.approx(eer, abs=1e-3)
    assert figures["TAR@FAR=1e-01"] == pytest.approx(tar, abs=1e-6)
    return accuracy


def test_a_bin_has_the_figures_of_the_served_model_by_scikit_learn(metrics, given, served):
    images, flags = given[1]
    block = metrics["verification"]["pairs"]
    accuracy = assert_like_peers(block, served(images), flags)
    assert block["figures"]["Accuracy"] == pytest.approx(accuracy, abs=2 / len(flags))
    assert block["counts"]["folds"] == 10
    assert "pairs" not in metrics["protocols"]


def test_a_folder_has_those_of_its_pairs_and_loses_the_pair_of_a_broken_image(
    metrics, given, served
):
    folder = given[0]
    lines = (folder / "pairs.txt").read_text().splitlines()[1:]
    files, same = [], []
    for line in lines:
        words = line.split("\t")
        first, second = (words[0], words[1]), (words[0] if len(words) == 3 else words[2], words[-1])
        if ("New_103", "2") in (first, second):
            continue
        files += [
            folder / f"lfw/{name}/{name}_{int(shot):04d}.png" for name, shot in (first, second)
        ]
        same.append(len(words) == 3)
    block = metrics["verification"]["lfw"]
    assert len(same) == 79
    assert_like_peers(block, served([file.read_bytes() for file in files]), same)
    assert block["counts"]["missing_pairs"] == 1
    assert block["counts"]["unusable_images"] == 1
    (reason,) = block["unusable"]
    assert (
        f"Images that cannot be used: 1. 1 x {reason}, such as New_103/New_103_0002.png."
        in (block["remarks"])
    )


def test_who_of_the_training_is_in_a_set_is_named_in_figures_and_report(
    metrics, evaluated, trained, source
):
    train, val = trained
    by_name, by_val = person_of(train[len(train) // 2]), person_of(val)
    assert by_name != by_val
    lfw, bins = (metrics["verification"][name]["leak"] for name in ("lfw", "pairs"))
    assert lfw["names"] == sorted({by_name, by_val})
    assert (lfw["same_name"], lfw["equal_images"], lfw["names_compared"]) == (1, 1, True)
    assert lfw["examples"] == [["New_100/New_100_0001.png", val]]
    assert bins["names"] == [person_of(train[-1])]
    assert (bins["examples"], bins["names_compared"]) == ([["00000007", train[-1]]], False)
    page = (Path(evaluated["evaluation"].uri) / "report.html").read_text(encoding="utf-8")
    assert page.count("Leak: the model was trained on people of this set") == 2
    assert f"2, {', '.join(sorted({by_name, by_val}))}." in page


def test_a_set_that_cannot_be_read_says_why_and_costs_no_other_figure(metrics):
    block = metrics["verification"]["cut"]
    assert block["figures"] == {}
    (remark,) = block["remarks"]
    assert remark.startswith("Not measured: /")
    assert "cut.bin: it is cut off" in remark
    assert 0 <= metrics["EER"] <= 1


def test_the_figures_go_to_tensorboard_and_the_curves_to_files(metrics, evaluated):
    folder = Path(evaluated["evaluation"].uri)
    (path,) = (folder / "tensorboard").iterdir()
    shown = {
        value.tag: tf.make_ndarray(value.tensor).item()
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    for name in ("lfw", "pairs"):
        figures = metrics["verification"][name]["figures"]
        assert shown[f"verification/{name}/Accuracy"] == pytest.approx(figures["Accuracy"])
        assert (folder / f"curves/verification_{name}_folds.csv").exists()


def test_an_image_is_checked_and_becomes_what_the_training_makes_of_it(model, tmp_path):
    drawn, large = draw_face(500, 0), draw_face(500, 1, size=(80, 80))
    images = [encoded(drawn, "png"), encoded(drawn.convert("L"), "bmp"), b"broken"]
    images += [encoded(large, "png"), encoded(Image.new("RGB", (40, 40), "red"), "png"), images[0]]
    path = tmp_path / "some.bin"
    path.write_bytes(pickle.dumps((images, [True, False, True])))
    embed = SetEmbedder(
        partial(beam.Pipeline, runner=FnApiRunner()),
        str(tmp_path),
        f"{model.uri}/Format-Serving",
        batch_size=4,
        max_pixels=40 * 48,
    )
    found = embed(list_set(PairSetConfig(file=str(path)), read_bytes))
    assert list(found.keys) == [f"{image:08d}" for image in (0, 1, 4, 5)]
    assert found.embeddings.shape == (4, 16)
    assert list(found.unusable) == ["00000002", "00000003"]
    assert found.unusable["00000003"] == "80x80 pixels, over the limit of 1920"
    pixels = decode_and_resize(tf.constant(images[:1]), (32, 32, 3)).numpy()
    assert found.pictures[0] == found.pictures[3] == hashlib.sha256(pixels.tobytes()).digest()
    assert found.pictures[1] not in (b"", found.pictures[0])
    assert found.pictures[2] == b""  # of one plain colour


@pytest.mark.parametrize("val", [[], ["a/3"]])
def test_the_training_may_be_without_val_or_have_a_single_image_there(val):
    splits = [
        SplitData(
            [],
            (32, 32, 3),
            {
                "identity": np.array([key[:1].encode() for key in keys], object),
                "image/key": np.array([key.encode() for key in keys], object),
                "sha256": np.array([key.encode() * 9 for key in keys], object),
            },
        )
        for keys in (["a/1", "a/2", "b/1"], val)
    ]
    trained = trained_on(splits)
    assert trained.images.keys == ["a/1", "a/2", "b/1", *val]
    assert trained.images.identities == [key[0] for key in trained.images.keys]
    assert trained.pictures == [key.encode() * 9 for key in trained.images.keys]


def test_a_set_without_an_image_that_can_be_used_says_so(transformed, model, tmp_path):
    path = tmp_path / "none.bin"
    path.write_bytes(pickle.dumps(([b"broken", b"", b"no", b"image"], [True, False])))
    outputs = run_evaluator(
        transformed["transformed_examples"],
        model,
        tmp_path / "run",
        verification={"none": {"file": str(path)}},
    )
    content = (Path(outputs["evaluation"].uri) / "metrics.json").read_text(encoding="utf-8")
    block = json.loads(content)["verification"]["none"]
    assert (block["figures"], block["counts"]) == ({}, {"unusable_images": 4})
    assert block["remarks"][-1] == (
        "Not measured: the pairs need two images that can be used. Received: 0"
    )


def test_a_set_changes_no_figure_of_the_test_people(metrics, transformed, model, tmp_path):
    alone = run_evaluator(transformed["transformed_examples"], model, tmp_path, target_fars=[0.1])
    path = Path(alone["evaluation"].uri) / "metrics.json"
    expected = json.loads(path.read_text(encoding="utf-8"))
    assert {key: value for key, value in metrics.items() if key != "verification"} == expected
