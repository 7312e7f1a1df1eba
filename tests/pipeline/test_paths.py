"""Paths as people give them."""

from pathlib import Path

import pytest

from groundfloor.errors import UserError
from groundfloor.paths import Url
from pipeline.paths import (
    check_apart,
    check_writable_name,
    given_path,
    optional_location,
    optional_path,
)


def test_a_tilde_is_the_home_folder():
    assert given_path("~/faces", "--data-dir") == Path.home() / "faces"
    assert given_path("a~b", "--data-dir") == Path("a~b")
    assert optional_path(None, "--data-dir") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--data-dir: a path must not be empty"),
        (" ", "--data-dir: a path must not be empty"),
        ("~nobody-of-that-name", "--data-dir: the home folder that ~ stands for is not known"),
        ("a\0b", "--data-dir: a path has no character 0"),
    ],
)
def test_what_is_no_path_is_refused(text, message):
    with pytest.raises(UserError, match=message):
        given_path(text, "--data-dir")
    with pytest.raises(UserError, match=message):
        optional_path(text, "--data-dir")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("a[x]", "'\\[', '\\]'"),
        ("a*", "'\\*'"),
        ("why?", "'\\?'"),
        ("back\\slash", r"'\\\\'"),
        ("new\nline", r"'\\n'"),
        ("esc\x1b", r"'\\x1b'"),
        ("bidi\u202e", r"'\\u202e'"),
        ("not UTF-8 \udcff", r"'\\udcff'"),
    ],
)
def test_a_folder_that_a_run_writes_to_has_no_patterns_in_its_name(name, seen):
    with pytest.raises(UserError, match=f"cannot store: {seen}. Received"):
        check_writable_name(Path("/runs") / name / "run")


@pytest.mark.parametrize(
    "name", ["it's {y} 100% #&=~!$()^;<>", "Gesichter für Ähnliche, 顔", "a:b"]
)
def test_any_other_name_will_do(name):
    check_writable_name(Path("/runs") / name)


def test_images_and_what_is_written_are_kept_apart():
    check_apart(Path("/a/faces"), Path("/a/run"), [Path("/a/run/artifacts")])
    check_apart(Path("/a/run/faces"), Path("/a/run"), [Path("/a/run/artifacts")])
    for images, output, written in (
        ("/a/faces", "/a/faces", "/a/faces/artifacts"),
        ("/a/faces", "/a/faces/run", "/a/faces/run/artifacts"),
        ("/a/faces", "/a/run", "/a/faces/person/artifacts"),
    ):
        with pytest.raises(UserError, match="must not write into the folder of the images"):
            check_apart(Path(images), Path(output), [Path(written)])
    with pytest.raises(UserError, match="must not be where a run writes"):
        check_apart(Path("/a/run/artifacts/faces"), Path("/a/run"), [Path("/a/run/artifacts")])


def test_a_run_may_write_beside_a_manifest_and_not_where_the_manifest_is_written_over():
    check_apart(Path("/a/faces.csv"), Path("/a/run"), [Path("/a/run/artifacts")])
    with pytest.raises(UserError, match="must not be where a run writes"):
        check_apart(Path("/a/run/logs/faces.csv"), Path("/a/run"), [Path("/a/run/logs")])


def test_images_may_be_at_a_url_and_what_a_run_writes_may_not():
    images = optional_location("s3://bucket/faces/", "--data-dir")
    assert images == Url("s3", "bucket/faces")
    assert optional_location("/a/faces", "--data-dir") == Path("/a/faces")
    assert optional_location(None, "--data-dir") is None
    check_apart(images, Path("/a/run"), [Path("/a/run/artifacts")])
    with pytest.raises(UserError, match="--output-dir: it must be a path of this machine"):
        given_path("s3://bucket/run", "--output-dir")


def test_credentials_in_a_url_are_refused_and_not_shown():
    with pytest.raises(UserError, match="--data-dir: a URL must hold no user") as caught:
        optional_location("s3://me:hunter22@bucket/faces", "--data-dir")
    assert "hunter22" not in str(caught.value)
