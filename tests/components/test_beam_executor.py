"""Where Beam runs changes no byte of what the data's steps write."""

import functools
from pathlib import Path

import pytest

from benchmarks.steps import run_example_gen, run_transform
from components.example_gen import checking
from components.run_environment import IN_PROCESS_BEAM, beam_variables, in_environment
from tests.conftest import write_faces

DIRECT = "apache_beam.runners.direct.direct_runner.BundleBasedDirectRunner"
THREADS = ("--direct_running_mode=multi_threading", "--direct_num_workers=2")


def written(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix in (".gz", ".json", ".pbtxt")
    }


def run(faces, target, args):
    with in_environment(beam_variables(args)):
        examples = run_example_gen(faces, target / "example_gen")["examples"]
        run_transform(examples, target / "transform", (32, 24, 3))
    return written(target)


@pytest.fixture(scope="module")
def outcome_of(tmp_path_factory):
    faces = write_faces(tmp_path_factory.mktemp("source") / "faces", people=8, shots=5)
    return functools.cache(lambda *args: run(faces, tmp_path_factory.mktemp("run"), args))


@pytest.mark.parametrize(
    "args",
    [(*IN_PROCESS_BEAM, *THREADS), (f"--runner={DIRECT}", *IN_PROCESS_BEAM[1:])],
    ids=["threads", "direct"],
)
def test_every_mode_of_beam_writes_the_same_bytes(outcome_of, monkeypatch, args):
    monkeypatch.setattr(checking, "_CHUNK_RECORDS", 7)
    in_memory = outcome_of(*IN_PROCESS_BEAM, "--direct_running_mode=in_memory")
    assert len([path for path in in_memory if path.suffix == ".gz"]) == 6
    assert outcome_of(*args) == in_memory
