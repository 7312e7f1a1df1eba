"""The state of a training on disk: whole or passed over, one owner, gone when it is complete."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from components.trainer.checkpoints import Checkpoint, CheckpointError, Checkpoints


def checkpoint(step: int) -> Checkpoint:
    generator = np.random.default_rng(step)
    arrays = {
        "weights": generator.normal(size=(3, 4)).astype(np.float32),
        "count": np.array(step, np.int64),
        "nothing": np.empty((0, 2), np.uint8),
    }
    return Checkpoint(step, arrays, {"history": {"loss": [0.1, float(step)]}})


def saved(folder: Path, *steps: int) -> Checkpoints:
    """Checkpoints in a folder, after saving some."""
    checkpoints = Checkpoints(str(folder))
    checkpoints.claim()
    for step in steps:
        checkpoints.save(checkpoint(step))
    checkpoints.wait()
    return checkpoints


def assert_equal(found: Checkpoint | None, expected: Checkpoint) -> None:
    assert found is not None
    assert (found.step, found.progress) == (expected.step, expected.progress)
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)


def test_what_was_saved_is_found_bit_for_bit_by_another_process(tmp_path):
    saved(tmp_path / "state", 5)
    assert_equal(Checkpoints(str(tmp_path / "state")).newest(), checkpoint(5))


def test_nothing_is_found_where_nothing_was_saved(tmp_path):
    assert Checkpoints(str(tmp_path / "state")).newest() is None


def test_the_last_two_are_kept(tmp_path):
    checkpoints = saved(tmp_path, 3, 20, 100)
    assert_equal(checkpoints.newest(), checkpoint(100))
    steps = [path.name for path in tmp_path.glob("step-*")]
    assert sorted(steps) == ["step-000000000020", "step-000000000100"]


def test_a_worker_reads_the_checkpoint_that_the_chief_has_found(tmp_path):
    saved(tmp_path, 3, 20)
    assert_equal(Checkpoints(str(tmp_path)).of_step(3), checkpoint(3))


def test_a_worker_that_does_not_see_the_chiefs_checkpoint_names_the_key_of_the_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"training\.checkpoint_dir must be a place that all"):
        Checkpoints(str(tmp_path)).of_step(3)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer", "no arrays", "no state", "garbage"])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path, damage, caplog):
    checkpoints = saved(tmp_path, 1, 2)
    arrays, state = (tmp_path / "step-000000000002" / name for name in ("arrays.npy", "state.json"))
    content = arrays.read_bytes()
    if damage == "cut":
        arrays.write_bytes(content[:-1])
    elif damage == "flipped":
        arrays.write_bytes(content[:150] + bytes([content[150] ^ 1]) + content[151:])
    elif damage == "longer":
        arrays.write_bytes(content + b"\0")
    elif damage == "no arrays":
        arrays.unlink()
    elif damage == "no state":
        state.unlink()
    else:
        state.write_text("{")
    assert_equal(checkpoints.newest(), checkpoint(1))
    assert "step-000000000002 is not whole and passed over" in caplog.text


def test_a_checkpoint_that_was_cut_off_is_written_anew(tmp_path):
    checkpoints = saved(tmp_path, 2)
    (tmp_path / "step-000000000002" / "state.json").unlink()
    checkpoints.save(checkpoint(2))
    checkpoints.wait()
    assert_equal(checkpoints.newest(), checkpoint(2))


def test_a_training_that_another_process_took_up_is_not_written_any_more(tmp_path):
    former = saved(tmp_path, 1)
    Checkpoints(str(tmp_path)).claim()
    former.save(checkpoint(2))
    with pytest.raises(CheckpointError, match="another process has taken up the training"):
        former.wait()
    assert_equal(Checkpoints(str(tmp_path)).newest(), checkpoint(1))


def test_a_complete_training_leaves_nothing(tmp_path):
    saved(tmp_path / "state", 1, 2).remove()
    assert not (tmp_path / "state").exists()


def test_a_last_state_that_could_not_be_kept_costs_a_complete_training_nothing(tmp_path, caplog):
    checkpoints = saved(tmp_path / "state", 1)
    checkpoints.save(Checkpoint(2, {"broken": np.array([object()])}, {}))
    checkpoints.remove()
    assert "The training is complete without it" in caplog.text
    assert not (tmp_path / "state").exists()


def test_a_complete_training_leaves_its_state_to_who_has_taken_it_up(tmp_path):
    former = saved(tmp_path / "state", 1)
    Checkpoints(str(tmp_path / "state")).claim()
    former.remove()
    assert_equal(Checkpoints(str(tmp_path / "state")).newest(), checkpoint(1))


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=f"cannot use the state .* in {tmp_path}/file/state"):
        Checkpoints(f"{tmp_path}/file/state").claim()


def test_a_full_disk_is_a_clear_error_and_leaves_the_checkpoint_before(tmp_path):
    saved(tmp_path, 1)
    script = """
        import resource, signal, sys
        import numpy as np
        from components.trainer.checkpoints import Checkpoint, CheckpointError, Checkpoints
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        checkpoints = Checkpoints(sys.argv[1])
        checkpoints.claim()
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        checkpoints.save(Checkpoint(2, {"large": np.zeros(100_000)}, {}))
        try:
            checkpoints.wait()
        except CheckpointError as error:
            print(error)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"cannot write the state of the training in {tmp_path}" in run.stdout
    assert_equal(Checkpoints(str(tmp_path)).newest(), checkpoint(1))


def test_the_state_is_readable_json(tmp_path):
    saved(tmp_path, 7)
    state = json.loads((tmp_path / "step-000000000007" / "state.json").read_text())
    assert state["step"] == 7
    assert state["arrays"] == ["weights", "count", "nothing"]


def test_a_store_holds_a_training_as_a_disk_does():
    folder = "memory://trainings/one"
    checkpoints = saved(folder, 1, 2, 3)
    assert_equal(Checkpoints(folder).newest(), checkpoint(3))
    checkpoints.remove()
    assert Checkpoints(folder).newest() is None
