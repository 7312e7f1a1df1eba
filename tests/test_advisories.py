"""Advisories are found by OSV's rule, in a database of the shape of PyPA's."""

import importlib.util

import pytest
import yaml

from tests import ROOT

_spec = importlib.util.spec_from_file_location("advisories", ROOT / "scripts/advisories.py")
advisories = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(advisories)


def add(database, events, *, kind="ECOSYSTEM", versions=(), **fields):
    """Puts an advisory on the package `lib` into a database."""
    folder = database / "vulns/lib"
    folder.mkdir(parents=True, exist_ok=True)
    entry = {
        "package": {"name": "Lib", "ecosystem": "PyPI"},
        "ranges": [{"type": kind, "events": events}],
        "versions": list(versions),
    }
    advisory = {"id": f"PYSEC-{len(list(folder.iterdir()))}", "affected": [entry], **fields}
    advisory.setdefault("modified", "2026-01-02T03:04:05Z")
    (folder / f"{advisory['id']}.yaml").write_text(yaml.safe_dump(advisory))


def is_found(database, version):
    return bool(list(advisories.find([("lib", version), ("other", version)], database)))


FIXED = [{"introduced": "1.0"}, {"fixed": "1.10"}]
TWICE = [{"introduced": "0"}, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.1"}]


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (FIXED, ["1.0", "1.9"], ["0.9", "1.10", "2.0"]),
        (TWICE, ["0.1", "2.0.5"], ["1.0", "1.5", "2.1"]),
        ([{"introduced": "0"}], ["0.1", "99.0"], []),
        ([{"introduced": "0"}, {"last_affected": "3.0"}], ["2.9", "3.0"], ["3.0.1"]),
        (list(reversed(FIXED)), ["1.9"], ["0.9", "1.10"]),
    ],
)
def test_a_version_within_a_range_is_found_and_no_other(tmp_path, events, inside, outside):
    add(tmp_path, events)
    assert [version for version in inside + outside if is_found(tmp_path, version)] == inside


def test_a_listed_version_is_found_whatever_the_ranges_are_of(tmp_path):
    add(tmp_path, [{"introduced": "0"}, {"fixed": "385d6932"}], kind="GIT", versions=["1.0"])
    assert is_found(tmp_path, "1.0")
    assert not is_found(tmp_path, "1.1")


def test_what_was_withdrawn_is_not_found(tmp_path):
    add(tmp_path, FIXED, withdrawn="2026-01-03T00:00:00Z")
    assert not is_found(tmp_path, "1.5")


def test_a_finding_names_the_package_its_version_and_the_advisory(tmp_path):
    add(tmp_path, FIXED, aliases=["CVE-2026-1"])
    found = list(advisories.find([("lib", "1.5")], tmp_path))
    assert found == [("lib", "1.5", "PYSEC-0", ("CVE-2026-1",))]


def test_the_database_is_as_old_as_its_newest_advisory(tmp_path):
    add(tmp_path, FIXED, modified="2024-10-10T00:00:00Z")
    add(tmp_path, FIXED, modified="2023-11-30T00:00:00Z")
    assert advisories.date_of(tmp_path) == "2024-10-10"


def test_a_folder_without_advisories_is_not_taken_for_good_news(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no advisories"):
        advisories.date_of(tmp_path)
