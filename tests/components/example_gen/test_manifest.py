"""ImageExampleGen on a manifest, run for real."""

import os
from pathlib import Path

import pytest

from benchmarks.steps import run_example_gen, run_transform
from components.evaluator.split_data import SplitData
from faces.contract import IMAGE_BOX, IMAGE_FACE_SCORE, IMAGE_LANDMARKS, SPLITS
from faces.quarantine import FILE_NAME, Quarantine
from faces.splits import REPORT_FILE_NAME, SplitReport
from groundfloor.errors import UserError
from tests.conftest import write_faces
from tests.faces.sources.tables import rows_of_folder, write_csv, write_parquet
from tests.stages import examples_by_key, files_of


def shards_of(outputs):
    """Split -> name and content of each of its files."""
    return {
        split: [
            (os.path.basename(file), Path(file).read_bytes())
            for file in files_of(outputs["examples"], split)
        ]
        for split in SPLITS
    }


def reports_of(outputs):
    folder = Path(outputs["quarantine"].uri)
    quarantine = Quarantine.from_json((folder / FILE_NAME).read_text())
    return quarantine, SplitReport.from_json((folder / REPORT_FILE_NAME).read_text())


@pytest.mark.parametrize(
    ("write", "name"), [(write_csv, "faces.csv"), (write_parquet, "faces.parquet")]
)
def test_a_manifest_of_a_folder_gives_the_very_files_that_the_folder_gives(
    write, name, faces, tmp_path
):
    of_folder = shards_of(run_example_gen(faces, tmp_path / "folder"))
    table = write(faces / name, rows_of_folder(faces)[::-1])
    assert shards_of(run_example_gen(table, tmp_path / "manifest")) == of_folder


def test_the_column_split_decides_and_what_is_not_used_is_reported(faces, tmp_path):
    rows = [
        (path, person, "test" if person < "person03" else "train", "x")
        for path, person in rows_of_folder(faces)
    ]
    rows += [("gone.png", "person07", "train", "x"), (*rows[-1],)]
    table = write_csv(faces / "faces.csv", rows, "path,identity,split,")
    quarantine, report = reports_of(run_example_gen(table, tmp_path / "run", max_quarantined=0.1))
    assert report.images == {"train": 25, "val": 0, "test": 15}
    assert "columns that are not used: (without a name)" in report.remarks
    assert (quarantine.files, quarantine.reasons) == (
        42,
        {
            "gone.png": "cannot be read: No such file or directory",
            "./faces.csv:43": "row 43: the same file as in row 41",
        },
    )


def test_a_named_source_is_read_whatever_the_name_of_the_file(faces, tmp_path):
    table = write_csv(faces / "faces.txt", rows_of_folder(faces))
    with pytest.raises(UserError, match="names what another one is"):
        run_example_gen(table, tmp_path / "auto")
    outputs = run_example_gen(table, tmp_path / "named", source="manifest")
    assert sum(reports_of(outputs)[1].images.values()) == 40


def test_the_face_and_further_columns_go_with_the_image_to_whoever_measures(faces, tmp_path):
    points = range(1, 11)
    names = [f"{axis}{point}" for point in range(1, 6) for axis in "xy"]
    rows = [(*row, f"camera {row[0][-5]}", "1 2 20 24", *points) for row in rows_of_folder(faces)]
    table = write_csv(
        faces / "faces.csv", rows, ",".join(["path", "identity", "camera", "box", *names])
    )
    examples = run_example_gen(table, tmp_path / "gen")["examples"]
    feature = next(iter(examples_by_key(examples, "test").values()))
    assert list(feature[IMAGE_LANDMARKS].float_list.value) == list(points)
    assert list(feature[IMAGE_BOX].float_list.value) == [1, 2, 20, 24]
    assert not feature[IMAGE_FACE_SCORE].float_list.value
    transformed = run_transform(examples, tmp_path / "transform", (32, 32, 3))
    files = files_of(transformed["transformed_examples"], "test")
    images = SplitData.read(files, (32, 32, 3), ["camera"]).images()
    assert images.attributes["camera"] == [f"camera {key[-5]}" for key in images.keys]


def test_a_manifest_may_be_the_test_set_of_a_folder(faces, tmp_path):
    others = write_faces(tmp_path / "others", people=3, shots=2)
    for folder in sorted(others.iterdir()):
        folder.rename(others / f"other {folder.name}")
    rows = rows_of_folder(others)
    table = write_csv(others / "others.csv", rows)
    outputs = run_example_gen(faces, tmp_path / "run", test_dir=table, near_duplicates="off")
    assert reports_of(outputs)[1].images == {"train": 36, "val": 4, "test": 6}
    assert sorted(examples_by_key(outputs["examples"], "test")) == sorted(key for key, _ in rows)
    (others / "other person00/0.png").unlink()
    again = run_example_gen(
        faces, tmp_path / "again", test_dir=table, max_quarantined=0.1, near_duplicates="off"
    )
    assert list(reports_of(again)[0].reasons) == ["other person00/0.png"]


def test_a_list_of_people_is_the_test_set(faces, tmp_path):
    listed = tmp_path / "people.txt"
    listed.write_text("person01\nperson07\n")
    for given in (str(listed), ["person01", "person07"]):
        outputs = run_example_gen(faces, tmp_path / str(type(given)), test_identities=given)
        tested = examples_by_key(outputs["examples"], "test")
        assert {key.partition("/")[0] for key in tested} == {"person01", "person07"}
    with pytest.raises(UserError, match=r"cannot read data.test_identities, .*: No such file"):
        run_example_gen(faces, tmp_path / "none", test_identities=str(tmp_path / "none.txt"))
