"""ImageExampleGen on a RecordIO file, run for real."""

from pathlib import Path

import tensorflow as tf

from benchmarks.steps import run_example_gen
from faces.contract import IDENTITY, IMAGE_ENCODED, IMAGE_KEY, SPLITS
from faces.quarantine import FILE_NAME, Quarantine
from tests.conftest import draw_face, encoded
from tests.faces.recordio_files import write_recordio_faces
from tests.stages import files_of


def examples_of(outputs):
    """Key -> the identity and the encoded image, of all splits."""
    found = {}
    for split in SPLITS:
        for record in tf.data.TFRecordDataset(files_of(outputs["examples"], split), "GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            key, *rest = (
                feature[name].bytes_list.value[0] for name in (IMAGE_KEY, IDENTITY, IMAGE_ENCODED)
            )
            found[key.decode()] = tuple(rest)
    return found


def test_every_image_of_a_record_file_is_an_example_of_its_label(tmp_path):
    file = write_recordio_faces(tmp_path / "faces", people=6, shots=4)
    found = examples_of(run_example_gen(file, tmp_path / "run"))
    assert sorted(found) == [f"{number:010d}" for number in range(1, 25)]
    assert found["0000000006"] == (b"1", encoded(draw_face(1, 1), "png"))


def test_a_record_that_is_broken_is_quarantined_with_its_reason(tmp_path):
    file = write_recordio_faces(tmp_path / "faces", people=6, shots=4)
    offsets = dict(line.split() for line in file.with_suffix(".idx").read_text().splitlines())
    content = bytearray(file.read_bytes())
    start = int(offsets["7"])
    content[start : start + 4] = b"none"
    file.write_bytes(content)
    outputs = run_example_gen(file, tmp_path / "run")
    quarantine = Quarantine.from_json(
        Path(outputs["quarantine"].uri, FILE_NAME).read_text(encoding="utf-8")
    )
    assert list(quarantine.reasons) == ["0000000007"]
    assert "magic" in quarantine.reasons["0000000007"]
    assert len(examples_of(outputs)) == 23
