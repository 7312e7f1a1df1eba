"""The demo's images."""

from PIL import Image

from faces.sources.folder import list_folder
from pipeline.demo_data import write_orl_faces


def test_forty_people_with_ten_grey_images_each_are_written(tmp_path):
    assert write_orl_faces(tmp_path) == 400
    records = list_folder(tmp_path).records
    assert len(records) == 400
    assert len({record.identity for record in records}) == 40
    with Image.open(tmp_path / "s1/1.pgm") as image:
        assert (image.size, image.mode) == ((92, 112), "L")


def test_a_copy_cut_off_half_way_is_completed_and_the_rest_left_alone(tmp_path):
    write_orl_faces(tmp_path)
    (tmp_path / "s7/3.pgm").unlink()
    (tmp_path / "s1/1.pgm").write_bytes(b"mine")
    write_orl_faces(tmp_path)
    assert len(list_folder(tmp_path).records) == 400
    assert (tmp_path / "s1/1.pgm").read_bytes() == b"mine"
