"""Which model is loaded, of versions made by hand."""

import pytest

from groundfloor.errors import UserError
from serving.choice import ChosenModel, choose_model
from tests.serving.versions import FILES, write_model, write_version


def test_the_newest_complete_version_is_used_and_newer_ones_are_named(tmp_path):
    for name in ("9", "10", "11"):
        write_version(tmp_path / name)
    (tmp_path / "11" / "saved_model.pb").unlink()
    (tmp_path / "12").mkdir()
    chosen = choose_model(tmp_path, trust_model=False)
    assert chosen.path == tmp_path / "10"
    assert chosen.pack.operating_point().threshold == 0.6
    assert chosen.remarks == tuple(
        f"a newer model is passed over: {tmp_path}/{name} has no saved_model.pb: it is not whole"
        for name in ("12", "11")
    )


def test_a_model_may_be_named_itself(tmp_path):
    pack = write_version(tmp_path / "9")
    assert choose_model(tmp_path / "9", trust_model=False) == ChosenModel(tmp_path / "9", pack)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no pushed model in .*: run the pipeline, or give --model-dir"),
        (["5"], "5 has no saved_model.pb: it is not whole$"),
    ],
)
def test_a_folder_without_a_model_is_an_error(tmp_path, names, message):
    for name in names:
        (tmp_path / "models" / name).mkdir(parents=True)
    with pytest.raises(UserError, match=message):
        choose_model(tmp_path / "models", trust_model=True)


def assert_trusted_only(chosen, path):
    assert (chosen.path, chosen.pack) == (path, None)
    (remark,) = chosen.remarks
    assert remark.startswith("nothing vouches for this model: ")


def test_a_model_that_nothing_vouches_for_is_refused_by_what_it_does_to_files(tmp_path):
    graph = {"saved_model.pb": b"...\x12\x08ReadFile...\x12\x09WriteFile..."}
    write_model(tmp_path / "1", FILES | graph)
    with pytest.raises(UserError) as error:
        choose_model(tmp_path, trust_model=False)
    assert "thresholds.json: No such file or directory. Loading a model runs" in str(error.value)
    assert "(it has operations on files: ReadFile, WriteFile)" in str(error.value)
    assert "--trust-model" in str(error.value)
    assert_trusted_only(choose_model(tmp_path, trust_model=True), tmp_path / "1")


def test_the_pack_of_another_model_vouches_for_nothing(tmp_path):
    write_version(tmp_path / "1")
    (tmp_path / "1/saved_model.pb").write_bytes(b"another model")
    with pytest.raises(UserError, match=r"another model than .*--trust-model"):
        choose_model(tmp_path, trust_model=False)
    assert_trusted_only(choose_model(tmp_path, trust_model=True), tmp_path / "1")
