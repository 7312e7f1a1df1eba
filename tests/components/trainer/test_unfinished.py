"""Where the state of a training lies: by all that decides what comes of it, and by nothing else."""

import shutil

import pytest

from components.run_environment import in_environment, unfinished_variables
from components.trainer import unfinished
from components.trainer.unfinished import training_id, unfinished_folder
from tests.components.trainer.small import small_settings


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / "train-0.gz", tmp_path / "val-0.gz"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    return list(map(str, paths))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "start.keras"
    path.write_bytes(b"weights")
    return path


def test_the_same_training_has_the_same_folder(files):
    assert training_id(small_settings(), files) == training_id(small_settings(), files)


def test_another_training_has_another_folder(files):
    changed = [
        small_settings(epochs=3),
        small_settings(model={"arcface_margin": 0.4}),
        small_settings().model_copy(update={"seed": 2}),
    ]
    ids = {training_id(settings, files) for settings in [small_settings(), *changed]}
    assert len(ids) == 4


def test_where_things_go_changes_no_folder(files, tmp_path):
    placed = small_settings(checkpoint_dir=str(tmp_path / "state"), log_dir=str(tmp_path / "logs"))
    assert training_id(placed, files) == training_id(small_settings(), files)


def test_other_content_of_a_file_is_another_training(files, tmp_path):
    former = training_id(small_settings(), files)
    content = (tmp_path / "val-0.gz").read_bytes()
    (tmp_path / "val-0.gz").write_bytes(content[:-1] + b"?")
    assert training_id(small_settings(), files) != former


def test_the_same_content_elsewhere_is_the_same_training(files, tmp_path):
    former = training_id(small_settings(), files)
    copies = [shutil.copy(path, tmp_path / f"copy-{number}") for number, path in enumerate(files)]
    assert training_id(small_settings(), list(map(str, copies))) == former


def test_content_that_moves_from_a_file_to_the_next_is_another_training(tmp_path):
    first, second = tmp_path / "0", tmp_path / "1"
    first.write_bytes(b"ab")
    second.write_bytes(b"c")
    former = training_id(small_settings(), [str(first), str(second)])
    first.write_bytes(b"a")
    second.write_bytes(b"bc")
    assert training_id(small_settings(), [str(first), str(second)]) != former


def test_other_weights_to_start_from_are_another_training(files, weights):
    settings = small_settings(model={"weights": str(weights)})
    former = training_id(settings, files)
    weights.write_bytes(b"weigths")
    assert training_id(settings, files) != former


def test_other_code_is_another_training(files, monkeypatch):
    former = training_id(small_settings(), files)
    monkeypatch.setattr(unfinished, "source_digest", lambda module: f"another {module}")
    assert training_id(small_settings(), files) != former


def test_the_folder_lies_where_the_settings_say_and_else_where_the_run_keeps_it(files, tmp_path):
    name = f"training-{training_id(small_settings(), files)}"
    with in_environment(unfinished_variables(tmp_path / "run")):
        assert unfinished_folder(small_settings(), files) == f"{tmp_path}/run/{name}"
        for place in (f"{tmp_path}/state", "s3://bucket/state"):
            settings = small_settings(checkpoint_dir=place)
            assert unfinished_folder(settings, files) == f"{place}/{name}"


def test_without_a_place_there_is_no_folder(files):
    assert unfinished_folder(small_settings(), files) is None
