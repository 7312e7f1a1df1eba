"""Paths and URLs, and that neither is taken for the other."""

from pathlib import Path

import pytest

from groundfloor.paths import Url, checked_location, checked_path, resolved


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("s3://bucket/faces", Url("s3", "bucket/faces")),
        ("S3://Bucket/Faces//", Url("s3", "Bucket/Faces")),
        ("gs://bucket", Url("gs", "bucket")),
        ("memory://a//b", Url("memory", "a//b")),
        ("file:///a/b", Path("/a/b")),
        ("/a/b", Path("/a/b")),
        ("s3:/bucket", Path("s3:/bucket")),
        ("./s3://bucket", Path("s3:/bucket")),
        ("c://drive", Path("c:/drive")),
        ("~/faces", Path.home() / "faces"),
    ],
)
def test_a_url_keeps_its_slashes_and_a_path_is_a_path(text, location):
    assert checked_location(text) == location


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("s3://", "a URL is like s3://bucket/folder"),
        ("s3:///", "a URL is like"),
        ("simplecache::s3://bucket/faces", "a URL is like"),
        ("s3://bucket/a\0b", "a URL is like"),
        ("file://a/b", "file:// must be followed by an absolute path"),
        ("s3://me:hunter22@bucket/faces", "must hold no user, password, key or token"),
        ("s3://bucket/faces?X-Amz-Signature=hunter22", "must hold no user, password"),
        ("", "must not be empty"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_and_shows_no_credentials(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        checked_location(text)
    assert "hunter22" not in str(caught.value)


def test_where_a_path_is_needed_a_url_is_refused():
    with pytest.raises(ValueError, match=r"a path of this machine, not a URL. Received: 's3://b'"):
        checked_path("s3://b")


def test_a_url_is_taken_apart_like_a_path():
    url = Url("s3", "bucket/sets/train.rec")
    assert str(url) == "s3://bucket/sets/train.rec"
    assert (url.name, url.suffix) == ("train.rec", ".rec")
    assert url.parent == Url("s3", "bucket/sets")
    assert url.parts == ("bucket", "sets", "train.rec")
    assert url.with_suffix(".idx") == Url("s3", "bucket/sets/train.idx")
    assert url.with_name("property") == url.parent / "property"
    assert Url("s3", "bucket/a").with_suffix(".idx").name == "a.idx"
    assert url / "" == resolved(url) == url


def test_a_path_is_resolved(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    assert resolved(tmp_path / "link" / ".." / tmp_path.name) == tmp_path
