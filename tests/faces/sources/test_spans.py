"""Patterns of places, here and on a store, and the newest of what is there."""

import uuid
from pathlib import Path

import fsspec
import pytest

from faces import remote
from faces.sources import listed_once
from faces.sources.spans import Span, has_span, newest_span
from groundfloor.errors import UserError
from groundfloor.paths import Url

FILES = fsspec.filesystem("memory")


@pytest.fixture
def store():
    """An empty place in memory."""
    return Url("memory", uuid.uuid4().hex)


@pytest.fixture(params=["here", "store"])
def root(request, tmp_path, store):
    """An empty folder of this machine, or one on a store."""
    return tmp_path if request.param == "here" else store


def make(folder, *names):
    """Empty files, with the folders around them."""
    for name in names:
        if isinstance(folder, Url):
            FILES.pipe_file(f"{folder}/{name}", b"")
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


PLACES = {
    "folder": ("span-{SPAN}", ["span-2/x", "span-10/x"], "span-10", 10, None),
    "file": (
        "span-{SPAN}/train.rec",
        ["span-9/train.rec", "span-11/x"],
        "span-9/train.rec",
        9,
        None,
    ),
    "manifest": ("{SPAN}.csv", ["1.csv", "2.csv", "3.txt"], "2.csv", 2, None),
    "zeros": ("s{SPAN}", ["s007/x", "s12/x", "s003/x"], "s12", 12, None),
    "zeros stay": ("s{SPAN}", ["s007/x", "s003/x"], "s007", 7, None),
    "width": ("s{SPAN:3}", ["s007/x", "s0012/x", "s12/x"], "s007", 7, None),
    "no number": ("s-{SPAN}", ["s-1/x", "s-2.part/x", "s-new/x", "s-²/x", "s-/x"], "s-1", 1, None),
    "too long": ("s-{SPAN}", ["s-1/x", f"s-{'9' * 19}/x"], "s-1", 1, None),
    "version": (
        "span-{SPAN}/v{VERSION}",
        ["span-1/v9/x", "span-2/v3/x", "span-2/v12/x", "span-3/x"],
        "span-2/v12",
        2,
        12,
    ),
    "width of version": ("{SPAN}-{VERSION:2}", ["1-02/x", "1-003/x"], "1-02", 1, 2),
    "side by side": ("{SPAN:2}{VERSION:3}", ["01007/x", "01006/x"], "01007", 1, 7),
    "date": (
        "{YYYY}-{MM}-{DD}",
        ["2026-01-31/x", "2026-02-01/x", "2026-02-30/x", "2026-2-3/x"],
        "2026-02-01",
        20485,
        None,
    ),
    "folders of a date": (
        "{YYYY}/{MM}/{DD}/a.csv",
        ["1970/01/02/a.csv"],
        "1970/01/02/a.csv",
        1,
        None,
    ),
    "before 1970": ("{YYYY}{MM}{DD}", ["19691231/x"], "19691231", -1, None),
    "TFRecords": (
        "span-{SPAN}/train-*.tfrecord",
        ["span-1/train-0.tfrecord", "span-1/train-1.tfrecord", "span-2/test-0.tfrecord"],
        "span-1/train-*.tfrecord",
        1,
        None,
    ),
    "TFRecords at any depth": (
        "span-{SPAN}/**/train-*.tfrecord",
        ["span-1/a/train-0.tfrecord", "span-2/a/x", "span-2/b/c/train-1.tfrecord", "span-3/a/x"],
        "span-2/**/train-*.tfrecord",
        2,
        None,
    ),
    "folders of any name below": (
        "{SPAN}/*/train.tfrecord",
        ["1/a/train.tfrecord", "2/a/x", "2/b/train.tfrecord"],
        "2/*/train.tfrecord",
        2,
        None,
    ),
    "folders of any name above": (
        "set-*/{SPAN}/a-*.tfrecord",
        ["set-a/4/a-0.tfrecord", "set-b/7/a-0.tfrecord", "set-c/7/a-1.tfrecord", "set-d/9/x"],
        "set-*/7/a-*.tfrecord",
        7,
        None,
    ),
    "a folder below": (
        "{SPAN}/sets/v{VERSION}/train.rec",
        ["7/sets/v1/train.rec", "7/sets/v2/train.rec", "7/sets/v3/x", "8/set/v1/train.rec"],
        "7/sets/v2/train.rec",
        7,
        2,
    ),
    "version above": (
        "v{VERSION}/{SPAN}",
        ["v1/8/x", "v2/9/x", "v3/9/x", "v4/1/x"],
        "v3/9",
        9,
        3,
    ),
    "day first": (
        "{DD}.{MM}.{YYYY}",
        ["31.12.2025/x", "01.01.2026/x"],
        "01.01.2026",
        20454,
        None,
    ),
    "folders of a day first": (
        "{DD}/{MM}/{YYYY}",
        ["31/12/2025/x", "01/01/2026/x"],
        "01/01/2026",
        20454,
        None,
    ),
    "brackets": ("a[1]/{SPAN}", ["a[1]/4/x", "a1/5/x"], "a[1]/4", 4, None),
    "dots": ("a.b-{SPAN}", ["aXb-9/x", "a.b-1/x"], "a.b-1", 1, None),
}


@pytest.mark.parametrize("kind", PLACES)
def test_the_newest_place_that_matches_is_found(kind, root):
    pattern, there, location, span, version = PLACES[kind]
    make(root, *there)
    assert has_span(root / pattern)
    assert newest_span(root / pattern) == Span(root / location, span, version)


def test_any_other_place_is_itself(root):
    for name in ("faces", "{span}", "a{b}.csv", "SPAN"):
        assert not has_span(root / name)
        assert newest_span(root / name) == Span(root / name, 0, None)


def test_a_relative_pattern_gives_an_absolute_place(tmp_path, monkeypatch):
    make(tmp_path, "span-1/x")
    monkeypatch.chdir(tmp_path)
    assert newest_span(Path("span-{SPAN}")).location == tmp_path / "span-1"


def test_nothing_that_matches_is_an_error_that_says_what_was_looked_for_and_what_is_there(root):
    pattern = root / "data/span-{SPAN}/train.rec"
    with pytest.raises(
        UserError, match=r"nothing matches .*span-\{SPAN\}/train.rec' with digits for \{SPAN\}"
    ):
        newest_span(pattern)
    with pytest.raises(UserError, match=r"There is nothing in .*/data'"):
        newest_span(pattern)
    make(root, "data/span_1/train.rec", "data/span-1/train.idx")
    with pytest.raises(UserError, match=r"In .*/data' there is 'span-1', 'span_1'"):
        newest_span(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "{SPAN}-{SPAN}",
        "{VERSION}",
        "{YYYY}-{MM}",
        "{YYYY}-{MM}-{DD}-{SPAN}",
        "{YYYY}-{MM}-{DD}-{DD}",
        "{SPAN}-{VERSION}-{VERSION}",
        "{SPAN:3}/{SPAN}",
    ],
)
def test_a_pattern_that_cannot_be_one_is_an_error(pattern, root):
    with pytest.raises(UserError, match=r"a pattern has \{SPAN\}, or .* each of them once"):
        newest_span(root / pattern)


@pytest.mark.parametrize("pattern", ["{SPAN:x}", "{SPAN:0}", "{SPAN:}", "{SPAN:19}", "{SPAN:-1}"])
def test_a_width_that_is_none_is_an_error(pattern, root):
    with pytest.raises(UserError, match="is no placeholder: a number of digits, such as in"):
        newest_span(root / pattern)


def test_two_places_of_one_number_are_an_error_that_names_both(root):
    make(root, "span-3/x", "span-03/x", "span-1/x", "span-01/x")
    with pytest.raises(UserError, match=r"two places are the newest of .*/span-03' and .*/span-3'"):
        newest_span(root / "span-{SPAN}")
    make(root, "span-4/x")
    assert newest_span(root / "span-{SPAN}").span == 4


def test_of_two_names_of_one_span_the_newest_version_is_taken(root):
    make(root, "3/v1/x", "03/v7/x", "2/v9/x")
    assert str(newest_span(root / "{SPAN}/v{VERSION}").location) == str(root / "03/v7")
    make(root, "3/v07/x")
    with pytest.raises(UserError, match=r"two places are the newest"):
        newest_span(root / "{SPAN}/v{VERSION}")


def test_on_a_store_folders_are_listed_newest_first_and_nothing_in_older_ones(store, monkeypatch):
    days = [
        f"{year}/{month:02}/{day:02}" for year in (2024, 2025) for month in (1, 2) for day in (3, 4)
    ]
    make(store, *(f"set/{day}/faces/{n}/a.jpg" for day in days for n in range(3)))
    asked = []
    listed = remote.list_folder
    monkeypatch.setattr(remote, "list_objects", None)
    monkeypatch.setattr(remote, "list_folder", lambda *each: asked.append(each) or listed(*each))
    found = newest_span(store / "set" / "{YYYY}/{MM}/{DD}/faces")
    assert found.location == store / "set/2025/02/04/faces"
    assert [(str(url).removeprefix(f"{store}/"), begins) for url, _, begins in asked] == [
        ("set", ""),
        ("set/2025", ""),
        ("set/2025/02", ""),
        ("set/2025/02/04", "faces"),
        ("set/2025/02/03", "faces"),
    ]


def test_buckets_are_not_looked_for():
    with pytest.raises(UserError, match=r"a bucket must be named, .* 's3://span-\{SPAN\}/a.csv'"):
        newest_span(Url("s3", "span-{SPAN}/a.csv"))


def test_within_a_scope_the_newest_stays_the_one_that_was_found_first(root):
    make(root, "span-1/x")
    with listed_once():
        assert newest_span(root / "span-{SPAN}").span == 1
        make(root, "span-2/x")
        assert newest_span(root / "span-{SPAN}").span == 1
    assert newest_span(root / "span-{SPAN}").span == 2


def test_it_says_itself():
    location = Path("/data")
    assert str(Span(location, 3, 1)) == "span 3, version 1, '/data'"
    assert str(Span(location, 3)) == "span 3, '/data'"
