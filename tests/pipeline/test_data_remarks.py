"""What a run says of its data at the end."""

import io
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.console import TextConsole
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, _print_data_remarks, keep_latest


@pytest.fixture
def result(tmp_path):
    """Of a run whose report is the least that is one."""
    made = tmp_path / "artifacts"
    made.mkdir()
    for name, content in {
        "metrics.json": "{}",
        "report.html": '<nav><a href="#gate">Gate</a></nav>',
        "quarantine.html": "the page",
    }.items():
        (made / name).write_text(content, encoding="utf-8")
    return RunResult(
        metrics={},
        blessed=True,
        reasons=[],
        report=made / "report.html",
        pushed_model=None,
        model_run=Path(),
        quarantine_counts={"broken": 1, "near <b>duplicate</b>": 2},
        contact_sheet=made / "quarantine.html",
    )


@pytest.fixture
def folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.latest.mkdir(parents=True)
    return folder


def test_the_kept_report_links_to_the_page_of_what_is_not_used(result, folder):
    keep_latest(result, folder)
    report = (folder.latest / "report.html").read_text(encoding="utf-8")
    assert report == (
        '<nav><a href="#gate">Gate</a><a href="quarantine.html">Images not used: 1 broken, '
        "2 near &lt;b&gt;duplicate&lt;/b&gt;</a></nav>"
    )
    assert (folder.latest / "quarantine.html").read_text(encoding="utf-8") == "the page"
    assert (folder.latest / "metrics.json").read_text(encoding="utf-8") == "{}"


def test_where_all_is_used_nothing_is_linked_and_no_page_of_a_run_before_is_left(result, folder):
    keep_latest(result, folder)
    keep_latest(replace(result, quarantine_counts={}), folder)
    assert sorted(path.name for path in folder.latest.iterdir()) == ["metrics.json", "report.html"]
    assert "quarantine" not in (folder.latest / "report.html").read_text(encoding="utf-8")


def test_remarks_and_unusable_files_are_printed_as_they_are():
    result = RunResult(
        metrics={},
        blessed=True,
        reasons=[],
        report=Path("report.html"),
        pushed_model=None,
        model_run=Path(),
        quarantined={"ann/\x1b[31m": "a link to nowhere"},
        quarantine_counts={"refused by the source": 1, "near duplicate": 2},
        data_remarks=["nothing of '[b]bob[/b]' can be used: 1 x [/b]"],
    )
    stream = io.StringIO()
    _print_data_remarks(TextConsole(file=stream, width=200), result)
    assert stream.getvalue().splitlines() == [
        "files that could not be used: 1",
        "  'ann/\\x1b[31m': a link to nowhere",
        "images that are not used: 1 refused by the source, 2 near duplicate",
        "data: nothing of '[b]bob[/b]' can be used: 1 x [/b]",
    ]
