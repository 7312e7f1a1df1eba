"""What of the settings is in the properties of FaceEvaluator, and so in the cache key."""

import os

import pytest

from components.evaluator.config import EvaluationConfig
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.stages import new_evaluator


def properties(**evaluation):
    return new_evaluator(**evaluation).exec_properties


def test_the_section_arrives_as_it_was_given():
    given = {
        "target_fars": [0.05],
        "bounds": {"EER": {"max": 0.2}},
        "protocols": {"open_set": {"rank": 3}},
        "slices": {"file": "people.csv", "columns": ["hair"]},
    }
    text = properties(**given)["evaluation_config"]
    assert EvaluationConfig.from_property(text) == EvaluationConfig(**given)


def test_settings_that_mean_the_same_are_the_same_property():
    assert properties(protocols={"closed_set": {"enabled": False, "gallery_images": 3}}) == (
        properties()
    )
    assert properties(thresholds={"EER": {"max": 0.2}}) == properties(bounds={"EER": {"max": 0.2}})


def test_a_pipe_among_the_files_of_the_settings_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"cannot read .*/pipe: not a regular file"):
        new_evaluator(slices={"file": str(tmp_path / "pipe"), "columns": ["hair"]})


def test_a_changed_file_of_the_settings_is_another_setting(tmp_path):
    table, pairs = tmp_path / "people.csv", tmp_path / "pairs.csv"
    slices = {"file": str(table), "columns": ["hair"]}
    digests = [properties(slices=slices)["files_digest"]]
    for content in ("identity,hair\na,dark", "identity,hair\na,fair"):
        table.write_text(content, encoding="utf-8")
        digests.append(properties(slices=slices)["files_digest"])
    pairs.write_text("fold,first_key,second_key,same", encoding="utf-8")
    protocols = {"pairs": {"file": str(pairs)}}
    digests.append(properties(slices=slices, protocols=protocols)["files_digest"])
    assert len(set(digests)) == 4


def test_the_file_and_the_images_of_a_verification_set_count_as_settings(tmp_path):
    faces = write_faces(tmp_path / "lfw", people=2, shots=2)
    pairs, packed = tmp_path / "pairs.txt", tmp_path / "lfw.bin"
    of_text = {"file": str(pairs), "images": str(faces)}
    for of_set in (
        {"verification": {"lfw": of_text}},
        {"protocols": {"pairs": of_text}},
        {"verification": {"lfw": {"file": str(packed)}}},
        {"protocols": {"pairs": {"file": str(packed)}}},
    ):
        digests = [properties(**of_set)["files_digest"]]
        for file in (pairs, packed, faces / "person01/1.png"):
            file.write_bytes(os.urandom(9))
            digests.append(properties(**of_set)["files_digest"])
        # A text and a folder are two that count, a .bin is one; what is not named does not.
        assert len(set(digests)) == (2 if "bin" in str(of_set) else 3)
        for file in (pairs, packed):
            file.unlink()


def test_images_that_this_machine_does_not_have_count_as_missing(tmp_path):
    of_set = {"file": str(tmp_path / "pairs.txt"), "images": str(tmp_path / "nowhere")}
    digest = properties(verification={"lfw": of_set})["files_digest"]
    write_faces(tmp_path / "nowhere", people=2, shots=2)
    assert properties(verification={"lfw": of_set})["files_digest"] != digest
