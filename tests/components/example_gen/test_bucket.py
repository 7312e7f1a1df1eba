"""ImageExampleGen on a bucket, run for real."""

import os

import pytest

from benchmarks.steps import run_example_gen
from components.example_gen.component import ImageExampleGen
from components.example_gen.config import DataConfig
from components.example_gen.driver import SourceDriver
from faces.quarantine import FILE_NAME, Quarantine
from faces.sources import remote_folder
from faces.sources.tfrecord_file import frames
from groundfloor.errors import UserError
from groundfloor.paths import Url
from pipeline.failures import user_error
from tests.conftest import write_faces
from tests.faces.recordio_files import write_recordio_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.faces.tfrecord_files import write_tfrecord_faces
from tests.s3_server import BUCKET, KEY_ID, SECRET, serving_s3
from tests.stages import contents_of, examples_by_key

ROOT = Url("s3", BUCKET)
SET = ROOT / "set"


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """A server whose bucket has the same faces as folder, manifest, RecordIO and TFRecords."""
    faces = write_faces(tmp_path / "set", people=6, shots=3)
    write_csv(faces / "faces.csv", rows_of_folder(faces))
    write_recordio_faces(faces, people=6, shots=3)
    write_tfrecord_faces(faces / "all.tfrecord.gz", people=6, shots=3, packed=True)
    spans = tmp_path / "spans"
    write_tfrecord_faces(spans / "span-8/train-0.tfrecord", people=2, shots=2)
    halve(write_tfrecord_faces(spans / "span-9/train-0.tfrecord", people=6, shots=3))
    with serving_s3(monkeypatch) as server:
        server.upload(faces)
        server.upload(spans)
        yield server


def halve(file):
    """Leaves the first nine records in a file, and writes the others to one beside it."""
    with file.open("rb") as stream:
        place = list(frames(stream))[9].offset
    content = file.read_bytes()
    file.with_stem("train-1").write_bytes(content[place:])
    file.write_bytes(content[:place])


def driven(place, data=None):
    """The component's properties, with what its driver adds."""
    component = ImageExampleGen(str(place), data or DataConfig(), channels=3)
    properties = dict(component.exec_properties)
    return SourceDriver(None).resolve_exec_properties(properties, None, None)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("set", "set"),
        ("set/faces.csv", "set/faces.csv"),
        ("set/train.rec", "set/train.rec"),
        ("set/all.tfrecord.gz", "set/all.tfrecord.gz"),
        ("spans/span-{SPAN}/train-*.tfrecord", "spans/span-9/train-*.tfrecord"),
    ],
)
def test_the_examples_of_a_bucket_are_to_the_byte_those_of_a_folder(s3, tmp_path, name, found):
    properties = driven(ROOT / name)
    assert properties["input_base"] == str(ROOT / found)
    seen = properties["input_fingerprint"]
    assert seen == driven(tmp_path / name)["input_fingerprint"]
    outputs = run_example_gen(ROOT / name, tmp_path / "there", input_fingerprint=seen)
    expected = run_example_gen(tmp_path / name, tmp_path / "here")
    assert contents_of(outputs["examples"]) == contents_of(expected["examples"])
    assert outputs["quarantine"].get_int_custom_property("files") == 18
    for text in (str(properties), *map(str, outputs.values())):
        assert KEY_ID not in text
        assert SECRET not in text


def test_a_test_set_may_be_in_a_bucket_and_what_is_trained_on_here(s3, tmp_path):
    write_faces(tmp_path / "mine" / "more", people=4, shots=2)
    for person in (tmp_path / "mine" / "more").iterdir():
        person.rename(person.with_name(f"other-{person.name}"))
    data = {"test_dir": str(SET), "test_source": "folder", "near_duplicates": "off"}
    outputs = run_example_gen(tmp_path / "mine" / "more", tmp_path / "run", **data)
    assert len(examples_by_key(outputs["examples"], "test")) == 18
    config = DataConfig(**data)
    assert DataConfig.from_property(config.to_property()) == config
    assert config.test_dir == SET


def test_an_object_that_is_gone_is_quarantined_and_one_that_changed_is_seen(s3, tmp_path):
    table = SET / "faces.csv"
    seen = driven(table)["input_fingerprint"]
    s3.client.delete_object(Bucket=BUCKET, Key="set/person00/0.png")
    outputs = run_example_gen(table, tmp_path / "run", max_quarantined=0.2)
    with open(os.path.join(outputs["quarantine"].uri, FILE_NAME), encoding="utf-8") as file:
        assert Quarantine.from_json(file.read()).reasons == {"person00/0.png": "No such object"}
    with pytest.raises(UserError, match=f"the files in '{table}' changed while they were read"):
        run_example_gen(table, tmp_path / "again", input_fingerprint=seen, max_quarantined=0.2)


def test_a_server_that_stops_while_images_are_read_fails_the_run(s3, tmp_path, monkeypatch):
    read, count = remote_folder.read_file, iter(range(100))

    def stopping(place):
        if next(count) == 9:
            s3.stop()
        return read(place)

    monkeypatch.setattr(remote_folder, "read_file", stopping)
    with pytest.raises(Exception, match="Could not connect") as caught:  # Beam's, or our own
        run_example_gen(SET, tmp_path / "run", max_quarantined=1.0)
    known = user_error(caught.value, [])
    assert "cannot read 's3://" in str(known)
    assert SECRET not in str(known)
    assert not (tmp_path / "run" / "examples" / "Split-train").exists()


def test_credentials_in_a_place_are_refused_before_anything_is_read():
    properties = {"input_base": f"s3://me:{SECRET}@{BUCKET}/set", "data_config": "{}"}
    with pytest.raises(UserError, match="no user, password, key or token") as caught:
        SourceDriver(None).resolve_exec_properties(properties, None, None)
    assert SECRET not in str(caught.value)
