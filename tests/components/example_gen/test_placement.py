"""Images whose faces are not where the source says, quarantined with the reason."""

from benchmarks.steps import run_example_gen
from tests.components.example_gen.test_manifest import reports_of
from tests.faces.placed import LANDMARKS_HEADER, face_rows
from tests.faces.sources.tables import write_csv


def test_landmarks_and_boxes_that_no_face_is_cut_out_by_are_quarantined(faces, tmp_path):
    rows = face_rows(faces)
    mirrored = (*rows[0][:2], *rows[0][4:6], *rows[0][2:4], *rows[0][6:])
    outside = (*rows[1][:2], *(value + 300 for value in rows[1][2:12]), "")
    no_part = (*rows[2][:2], *[""] * 10, "40 48 90 90")
    table = write_csv(faces / "f.csv", [mirrored, outside, no_part, *rows[3:]], LANDMARKS_HEADER)
    quarantine, _ = reports_of(run_example_gen(table, tmp_path / "run", max_quarantined=0.1))
    assert {key: reason.partition(":")[0] for key, reason in quarantine.reasons.items()} == {
        rows[0][0]: "landmarks that are not as in a face, such as with left and right exchanged",
        rows[1][0]: "landmarks outside of the image",
        rows[2][0]: "a box that has no part in the image",
    }
