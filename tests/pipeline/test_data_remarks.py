"""What a run says of its data at the end."""

import io
from pathlib import Path

from pipeline.console import TextConsole
from pipeline.summary import RunResult, _print_data_remarks


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
