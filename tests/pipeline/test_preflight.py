"""What is judged before anything costly runs."""

import os
import pickle
from pathlib import Path

import pytest

from components.evaluator.config import EvaluationConfig
from faces.record import Record
from faces.splits import assign_splits
from groundfloor.errors import UserError
from pipeline.config import load_config
from pipeline.preflight import judge_evaluation, judge_schema
from tests import ROOT
from tests.conftest import write_faces
from tests.faces.records import records_of


def splits_of(images):
    """The splits of {person: number of images}."""
    keys = [f"{name}/{shot}.jpg" for name, shots in images.items() for shot in range(shots)]
    return assign_splits(
        records_of(keys), mode="identity_disjoint", test_split=0.2, val_split=0.1, seed=42
    )


DEMO = ROOT / "configs" / "demo.yaml"
FIVE_EACH = splits_of({f"p{person:02d}": 5 for person in range(20)})
TESTED = sorted(image.key for image, split in FIVE_EACH.items() if split == "test")


def judge(splits=FIVE_EACH, **evaluation):
    given = {"min_people": 1} | evaluation
    return judge_evaluation(EvaluationConfig.model_validate(given), splits, 42)


def test_what_no_model_can_pass_is_told_before_the_training():
    assert judge(min_people=5, bounds={"TAR@FAR=1e-02": {"min": 0.5}}) == [
        "the model will not be blessed: the test split has 4 people with two images or more, and "
        "at least 5 are required (evaluation.min_people)",
        "the model will not be blessed: TAR@FAR=1e-02 in evaluation.bounds needs 300 impostor "
        "pairs and the test split has 150",
    ]
    assert judge(min_people=4, bounds={"TAR@FAR=1e-01": {"min": 0.5}}) == []


def test_a_protocol_that_cannot_be_measured_is_told_and_is_no_error():
    (remark,) = judge(protocols={"templates": {"size": 3}, "closed_set": {}})
    assert remark.startswith("the protocol templates will not be measured: Templates need at least")


@pytest.mark.parametrize(
    "images",
    [
        {f"p{person}": 10 for person in range(4)},
        {f"p{person}": 6 for person in range(30)},
        {f"p{person}": 3 for person in range(100)} | {f"s{one}": 1 for one in range(3000)},
    ],
)
def test_the_demos_protocols_are_defined_on_any_ordinary_folder(images):
    config = load_config(DEMO)
    remarks = judge_evaluation(config.evaluation, splits_of(images), config.data.seed)
    assert all(
        remark.startswith(("the protocol templates", "the model will not be blessed"))
        for remark in remarks
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "it cannot be read: No such file"),
        (b"\xff\xd8\xff\xe0 a JPEG", "it is no text in UTF-8 or UTF-16"),
        (b"key,sex\nnobody/1.jpg,f\n", "names nobody there"),
        (b"key,sex\n" + TESTED[0].encode() + b",f\n", "no column 'age'"),
    ],
)
def test_a_slices_file_that_is_no_use_is_an_error(tmp_path, content, message):
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^evaluation.slices, .*people.csv: .*{message}"):
        judge(slices={"file": str(path), "columns": ["age"]})


@pytest.mark.parametrize("name", ["pairs", "templates"])
@pytest.mark.parametrize("content", [None, b"", b"one word\n", b"\0\0"])
def test_a_protocols_file_that_is_no_use_is_an_error(tmp_path, name, content):
    path = tmp_path / "listed.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^evaluation.protocols.{name}, .*listed.csv: "):
        judge(protocols={name: {"file": str(path)}})


@pytest.mark.parametrize("name", ["pairs", "templates"])
def test_a_pipe_or_a_device_is_refused_and_not_waited_for(tmp_path, name):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(UserError, match="it cannot be read: not a regular file"):
            judge(protocols={name: {"file": str(path)}})
        with pytest.raises(UserError, match="it cannot be read: not a regular file"):
            judge(slices={"file": str(path), "columns": ["age"]})


def test_a_verification_set_that_is_no_use_is_an_error(tmp_path):
    packed, pairs = tmp_path / "cut.bin", tmp_path / "pairs.txt"
    packed.write_bytes(pickle.dumps(([b"a", b"b"], [True]))[:-3])
    pairs.write_text("1\na 1 2\na 1 b 1\n")
    faces = write_faces(tmp_path / "lfw", people=2, shots=2)
    for options, message in (
        ({"file": str(packed)}, "cut.bin: it is cut off"),
        ({"file": str(tmp_path / "no.bin")}, "no.bin: it cannot be read: No such file"),
        ({"file": str(pairs), "images": str(tmp_path / "no")}, "cannot read the images in .*no'"),
        (
            {"file": str(pairs), "images": str(faces)},
            "0 genuine and 0 impostor pairs of images in .*lfw, and 2 with an image that is not",
        ),
    ):
        with pytest.raises(UserError, match=f"^evaluation.verification.lfw, .*{message}"):
            judge(verification={"lfw": options})
        with pytest.raises(UserError, match=f"^evaluation.protocols.pairs, .*{message}"):
            judge(protocols={"pairs": options})


def test_images_that_a_verification_set_lacks_are_told(tmp_path):
    faces = write_faces(tmp_path / "lfw", people=2, shots=2)
    keys = [f"person0{person}/{shot}.png" for person in range(2) for shot in range(2)]
    lines = [f"{keys[0]} {keys[1]} 1", f"{keys[0]} {keys[2]} 0"]
    pairs, packed = tmp_path / "pairs.txt", tmp_path / "lfw.bin"
    pairs.write_text("\n".join(lines))
    packed.write_bytes(pickle.dumps(([b"a"] * 4, [True, False])))
    of_text = {"file": str(pairs), "images": str(faces)}
    assert judge(verification={"lfw": of_text, "packed": {"file": str(packed)}}) == []
    pairs.write_text("\n".join([*lines, f"nobody/1.png {keys[2]} 0"]))
    (remark,) = judge(verification={"lfw": of_text})
    assert remark == (
        "evaluation.verification.lfw: 1 images that its pairs name are not read, and the pairs "
        "left out, such as nobody/1.png: no such image"
    )


def test_files_that_are_of_use_pass(tmp_path):
    pairs, people = tmp_path / "pairs.txt", tmp_path / "people.csv"
    pairs.write_text(f"{TESTED[0]} {TESTED[1]} 1\n{TESTED[0]} {TESTED[-1]} 0\n")
    people.write_text(f"key;age\n{TESTED[0]};30\n", encoding="utf-16")
    protocols = {"pairs": {"file": str(pairs)}}
    assert judge(protocols=protocols, slices={"file": str(people), "columns": ["age"]}) == []


def test_groups_may_be_columns_of_the_images_own_manifest():
    config = EvaluationConfig.model_validate({"slices": {"columns": ["age"]}})

    def judged(*columns):
        splits = {
            Record(f"{person}/{image}", f"{person}", columns=columns): "test"
            for person in range(12)
            for image in range(3)
        }
        return judge_evaluation(config, splits, seed=0)

    judged(("age", "30"), ("sex", ""))
    for columns in ([], [("age", "")], [("ages", "30")]):
        with pytest.raises(UserError, match=r"the columns of the images' manifest: .* no column"):
            judged(*columns)


def test_the_schema_of_the_project_is_one():
    judge_schema(str(ROOT / "configs" / "schema.pbtxt"))
    judge_schema(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "it cannot be read: No such file"),
        (b"feature { nme: 'x' }", r"it is no schema as text: 1:1\d : .*nme"),
        (b"", "it describes no feature"),
    ],
)
def test_a_schema_that_is_none_is_an_error(tmp_path, content, message):
    path = tmp_path / "schema.pbtxt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^data.schema, .*schema.pbtxt: {message}"):
        judge_schema(str(path))
