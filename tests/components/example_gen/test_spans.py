"""ImageExampleGen on a pattern of spans: what its driver and its executor make of it."""

import shutil
from pathlib import Path

import pytest
from tfx import v1 as tfx
from tfx.components.example_gen import utils
from tfx.orchestration import metadata
from tfx.proto import example_gen_pb2

from benchmarks.steps import run_example_gen
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.driver import SourceDriver
from faces.sources import listed_once
from faces.sources.folder import FolderSource
from faces.sources.spans import newest_span
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.faces.tfrecord_files import write_tfrecord_faces

# As the pipeline runs Beam on this machine.
IN_PROCESS_BEAM = (
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--sdk_container_image=none",
)


def drive(pattern):
    properties = dict(ImageExampleGen(str(pattern), DataConfig(), channels=3).exec_properties)
    return SourceDriver(None).resolve_exec_properties(properties, None, None)


def span(folder, number, shots=3):
    return write_faces(folder / f"span-{number}", people=6, shots=shots)


@pytest.mark.parametrize(
    ("pattern", "there"),
    [
        ("span-{SPAN}/*", ["span-1/a", "span-2/a", "span-10/a"]),
        ("span-{SPAN}", ["span-01/a", "span-02/a"]),
        ("span-{SPAN:2}/a", ["span-01/a", "span-02/a"]),
        ("{SPAN}/v{VERSION}/a", ["1/v9/a", "2/v1/a", "2/v10/a", "2/v2/a"]),
        ("{SPAN:1}/v{VERSION:3}/a", ["1/v009/a", "1/v010/a"]),
        ("{YYYY}-{MM}-{DD}/a", ["2025-12-31/a", "2026-01-01/a"]),
        ("{YYYY}/{MM}/{DD}/{VERSION}/a", ["2026/01/01/1/a", "2026/01/01/3/a"]),
        ("{YYYY}{MM}{DD}.csv", ["20260131.csv", "20260201.csv"]),
    ],
)
def test_the_newest_span_is_the_one_that_tfx_takes(pattern, there, tmp_path):
    for name in there:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    split = example_gen_pb2.Input.Split(name="all", pattern=pattern)
    _, number, version = utils.calculate_splits_fingerprint_span_and_version(str(tmp_path), [split])
    found = newest_span(tmp_path / pattern)
    assert (found.span, found.version) == (number, version)
    assert found.location == tmp_path / split.pattern  # which TFX has filled in


def test_the_driver_names_the_newest_span_and_gives_the_executor_its_place(tmp_path):
    span(tmp_path, 1)
    newest = span(tmp_path, 2, shots=4)
    resolved = drive(tmp_path / "span-{SPAN}")
    assert (resolved["span"], resolved["version"]) == (2, None)
    assert resolved["input_base"] == str(newest)
    assert resolved["input_fingerprint"] == FolderSource(newest).fingerprint()


def test_the_driver_names_the_version_too(tmp_path):
    for version in (1, 2):
        write_faces(tmp_path / f"7/v{version}", people=2, shots=2)
    resolved = drive(tmp_path / "{SPAN}/v{VERSION}")
    assert (resolved["span"], resolved["version"]) == (7, 2)


def test_without_a_pattern_the_driver_says_what_tfx_says(faces):
    resolved = drive(faces)
    assert (resolved["span"], resolved["version"]) == (0, None)
    assert resolved["input_base"] == str(faces)


@pytest.mark.parametrize("kind", ["folder", "manifest", "recordio", "tfrecord"])
def test_where_no_driver_runs_the_executor_finds_the_newest_itself(kind, tmp_path):
    for number in (1, 2):
        people = 5 + number
        home = tmp_path / f"span-{number}"
        if kind == "recordio":
            write_recordio_faces(home, people=people, shots=3)
            continue
        faces = write_faces(home, people=people, shots=3)
        write_csv(home / "faces.csv", rows_of_folder(faces))
        write_tfrecord_faces(home / "train-0.tfrecord", people=people, shots=3)
    names = {
        "folder": "span-{SPAN}",
        "manifest": "span-{SPAN}/faces.csv",
        "recordio": "span-{SPAN}/train.rec",
        "tfrecord": "span-{SPAN}/train-*.tfrecord",
    }
    outputs = run_example_gen(tmp_path / names[kind], tmp_path / "run", max_quarantined=0.9)
    assert outputs["examples"].get_int_custom_property("span") == 2
    assert not outputs["examples"].has_custom_property("version")
    usable = outputs["quarantine"].get_int_custom_property("files")
    assert usable - outputs["quarantine"].get_int_custom_property("quarantined") == 21


def test_where_no_driver_runs_the_version_is_noted_too(tmp_path):
    write_faces(tmp_path / "3/v5", people=6, shots=3)
    examples = run_example_gen(tmp_path / "{SPAN}/v{VERSION}", tmp_path / "run")["examples"]
    assert examples.get_int_custom_property("span") == 3
    assert examples.get_int_custom_property("version") == 5


def test_nothing_that_matches_is_an_error_for_driver_and_executor(tmp_path):
    pattern = tmp_path / "span-{SPAN}"
    with pytest.raises(UserError, match="nothing matches"):
        drive(pattern)
    with pytest.raises(UserError, match="nothing matches"):
        run_example_gen(pattern, tmp_path / "run")


def test_a_span_that_comes_while_a_run_is_under_way_is_left_to_the_next(tmp_path):
    span(tmp_path, 1)
    pattern = tmp_path / "span-{SPAN}"
    with listed_once():
        newest_span(pattern)  # as a run judges its images before anything else
        span(tmp_path, 2)
        assert drive(pattern)["span"] == 1
    assert drive(pattern)["span"] == 2


def test_the_test_set_may_be_a_pattern_as_well(tmp_path):
    faces = write_faces(tmp_path / "faces", people=4, shots=3)
    for number in (1, 2):
        for person in range(2):
            home = tmp_path / f"test-{number}/tested{number}{person}"
            shutil.copytree(faces / f"person{person:02d}", home)
    outputs = run_example_gen(
        faces, tmp_path / "run", test_dir=tmp_path / "test-{SPAN}", near_duplicates="off"
    )
    names = {path.name for path in Path(outputs["examples"].uri).iterdir()}
    assert "Split-test" in names
    assert outputs["quarantine"].get_int_custom_property("files") == 18


def executions_of(pattern, folder):
    """Runs ImageExampleGen with LocalDagRunner; the span of the examples of every execution."""
    connection = metadata.sqlite_metadata_connection_config(str(folder / "metadata.db"))
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="spans",
        pipeline_root=str(folder / "artifacts"),
        components=[ImageExampleGen(str(pattern), DataConfig(), channels=3)],
        enable_cache=True,
        metadata_connection_config=connection,
        beam_pipeline_args=list(IN_PROCESS_BEAM),
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)
    with metadata.Metadata(connection) as handle:
        examples = handle.store.get_artifacts_by_type("Examples")
    return [artifact.custom_properties["span"].int_value for artifact in examples]


def test_a_run_takes_the_same_span_from_the_cache_and_a_new_one_not(tmp_path):
    first = span(tmp_path, 1)
    pattern = tmp_path / "span-{SPAN}"
    assert executions_of(pattern, tmp_path) == [1]
    assert executions_of(pattern, tmp_path) == [1]
    shutil.copytree(first, tmp_path / "span-2")  # even if it has the same images
    assert executions_of(pattern, tmp_path) == [1, 2]
    assert executions_of(pattern, tmp_path) == [1, 2]
