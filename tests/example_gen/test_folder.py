"""What counts as an image of somebody."""

import os

import pytest

from components.errors import UserError
from components.example_gen.folder import fingerprint, identity_of, list_images, read_file


def touch(root, *keys):
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def test_files_at_any_depth_below_an_identity_are_its_images(tmp_path):
    touch(tmp_path, "ann/1.jpg", "ann/2019/summer/2.jpg", "bob/1.png")
    assert list_images(tmp_path) == ["ann/1.jpg", "ann/2019/summer/2.jpg", "bob/1.png"]
    assert identity_of("ann/2019/summer/2.jpg") == "ann"


def test_dot_files_and_files_outside_of_identities_are_left_out(tmp_path):
    touch(tmp_path, "README", ".git/config", "ann/.DS_Store", "ann/.cache/1.jpg", "ann/1.jpg")
    assert list_images(tmp_path) == ["ann/1.jpg"]


def test_a_link_to_a_folder_is_followed_and_a_link_back_up_ends(tmp_path):
    touch(tmp_path, "store/ann/1.jpg")
    root = tmp_path / "faces"
    root.mkdir()
    (root / "ann").symlink_to(tmp_path / "store" / "ann")
    (tmp_path / "store" / "ann" / "loop").symlink_to(tmp_path / "store" / "ann")
    assert list_images(root) == ["ann/1.jpg"]


@pytest.mark.parametrize("keys", [[], ["1.jpg"], ["ann/.hidden"]])
def test_a_folder_without_images_is_an_error(tmp_path, keys):
    touch(tmp_path, *keys)
    with pytest.raises(UserError, match=r"no images in .*expected <identity>/<image>"):
        list_images(tmp_path)


def test_a_missing_folder_and_a_file_are_errors(tmp_path):
    with pytest.raises(UserError, match="No such file or directory"):
        list_images(tmp_path / "nowhere")
    touch(tmp_path, "file")
    with pytest.raises(UserError, match="Not a directory"):
        list_images(tmp_path / "file")


def test_the_fingerprint_sees_a_rename_a_new_file_and_new_content(tmp_path):
    touch(tmp_path, "ann/1.jpg", "ann/2.jpg")
    prints = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == prints[0]
    (tmp_path / "ann/1.jpg").rename(tmp_path / "ann/3.jpg")
    prints.append(fingerprint(tmp_path))
    touch(tmp_path, "bob/1.jpg")
    prints.append(fingerprint(tmp_path))
    (tmp_path / "bob/1.jpg").write_bytes(b"xy")
    prints.append(fingerprint(tmp_path))
    os.utime(tmp_path / "bob/1.jpg", (1, 1))
    prints.append(fingerprint(tmp_path))
    assert len(set(prints)) == 5


def test_a_dangling_link_is_listed_and_fingerprinted(tmp_path):
    touch(tmp_path, "ann/1.jpg")
    (tmp_path / "ann/2.jpg").symlink_to("nowhere")
    assert list_images(tmp_path) == ["ann/1.jpg", "ann/2.jpg"]
    assert fingerprint(tmp_path)


def test_reading_refuses_a_pipe_and_a_file_over_the_limit(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        read_file(tmp_path / "pipe", max_bytes=10)
    (tmp_path / "large").write_bytes(b"x" * 11)
    with pytest.raises(ValueError, match="11 bytes, over the limit of 10"):
        read_file(tmp_path / "large", max_bytes=10)
