"""What a run shows."""

import io
import logging
import shlex
import subprocess
import sys

import pytest
from rich.table import Table

from groundfloor import progress
from pipeline import console as console_module
from pipeline.console import NodeDisplay, TextConsole, showing_work
from pipeline.run_folder import RunFolder
from pipeline.summary import RunResult, print_summary

LOGGER = logging.getLogger("absl")


@pytest.fixture(autouse=True)
def info_level():
    former = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    yield
    LOGGER.setLevel(former)


def shown(act, terminal=False) -> list[str]:
    stream = io.StringIO()
    console = TextConsole(file=stream, width=100, force_terminal=terminal)
    with NodeDisplay(console, nodes=2).watching():
        act()
    return stream.getvalue().splitlines()


def run_two_nodes():
    LOGGER.info("Component %s is running.", "Trainer")
    progress.advance("epochs", 1, 2, "loss 1.0")
    progress.advance("epochs", 1, 2, "loss 0.5")
    LOGGER.info("Component %s is finished.", "Trainer")
    LOGGER.info("Component %s is running.", "Pusher")
    LOGGER.info("A cached execution %d is used.", 7)
    LOGGER.info("Component %s is finished.", "Pusher")


def test_a_file_gets_plain_lines_for_each_node():
    lines = shown(run_two_nodes)
    assert lines[0] == "[1/2] Trainer"
    assert lines[1].startswith("[1/2] Trainer ")
    assert lines[1].endswith("2 epochs")
    assert lines[2] == "[2/2] Pusher"
    assert lines[3].endswith("from the cache")
    assert not [line for line in lines if "\x1b" in line]


def test_a_long_node_says_from_time_to_time_how_far_it_is(monkeypatch):
    monkeypatch.setattr(console_module, "_PLAIN_PERIOD", 0.0)
    assert "      1 of 2 epochs loss 1.0" in shown(run_two_nodes)


def test_a_terminal_gets_a_line_for_each_finished_node():
    text = "\n".join(shown(run_two_nodes, terminal=True))
    assert "[1/2] Trainer" in text
    assert "2 epochs" in text
    assert "from the cache" in text


def test_nothing_is_listened_to_after_the_run():
    shown(run_two_nodes)
    before = len(LOGGER.handlers)
    shown(run_two_nodes)
    assert len(LOGGER.handlers) == before
    progress.advance("epochs", 1)


HOSTILE = "[/b] [red]x[/red] :smile: \x1b[31m\x07\u202e"
SEEN = "[/b] [red]x[/red] :smile: \\x1b[31m\\x07\\u202e"


def test_text_is_text_in_lines_titles_and_cells():
    stream = io.StringIO()
    console = TextConsole(file=stream, width=200, force_terminal=True, color_system=None)
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    console.print(HOSTILE, table)
    assert stream.getvalue().count(SEEN) == 4
    assert not {"\x1b", "\x07", "\u202e"} & set(stream.getvalue())


def test_a_summary_shows_whatever_names_and_reasons_hold(tmp_path):
    metrics = {
        "EER": 0.1,
        HOSTILE: 0.2,
        "counts": dict.fromkeys(("images", "identities", "genuine_pairs", "impostor_pairs"), 2),
        "intervals": {},
        "unsupported": {HOSTILE: 3},
        "baselines": {HOSTILE: {"EER": 0.2}},
        "thresholds": [],
        "thresholds_missing": HOSTILE,
        "protocols": {HOSTILE: {"remarks": [HOSTILE]}},
    }
    result = RunResult(
        metrics=metrics,
        blessed=False,
        reasons=[HOSTILE],
        report=tmp_path / "a,b" / "report.html",
        pushed_model=tmp_path / "it's [x]" / "1",
        model_run=tmp_path,
        quarantined={HOSTILE: HOSTILE},
        quarantine_counts={HOSTILE: 1},
        contact_sheet=tmp_path / "a;b" / "quarantine.html",
        anomalies=[HOSTILE],
        tracking_uri="http://host",
        tracking_failure=HOSTILE,
    )
    stream = io.StringIO()
    print_summary(TextConsole(file=stream, width=200), result, RunFolder(tmp_path / "a b"))
    told = stream.getvalue()
    assert told.count(SEEN) >= 8
    assert not {"\x1b", "\x07", "\u202e"} & set(told)
    commands = [shlex.split(line.partition("$ ")[2]) for line in told.splitlines() if "$ " in line]
    assert commands[0][-1] == str(tmp_path / "a b" / "latest" / "report.html")
    assert commands[1][-1] == str(tmp_path / "a;b" / "quarantine.html")
    assert commands[2][-1] == str(tmp_path / "it's [x]")
    assert commands[-1][1:] == ["--logdir", str(tmp_path / "a b" / "artifacts")]


PRINTING = """
import os, sys
from pathlib import Path
from pipeline.console import output_to_log

with output_to_log(Path(sys.argv[1])) as terminal:
    print("from Python")
    os.write(2, b"from C\\n")
    os.system("echo from a child")
    print("for the person", file=terminal)
print("afterwards")
"""


def test_what_the_process_and_its_children_print_goes_to_the_log(tmp_path):
    log = tmp_path / "run.log"
    run = subprocess.run(
        [sys.executable, "-c", PRINTING, log], capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == ["for the person", "afterwards"]
    assert run.stderr == ""
    assert set(log.read_text().splitlines()) == {"from Python", "from C", "from a child"}


def work_shown(act, terminal=False):
    stream = io.StringIO()
    console = TextConsole(file=stream, width=100, force_terminal=terminal)
    with showing_work(console, "measuring"):
        act()
    return stream.getvalue()


def some_work():
    progress.advance("pairs", 30)
    progress.advance("pairs", 20, note="12 %, about 3 min left")
    progress.advance("pairs", 20, note="14 %, about 3 min left")


def test_a_command_says_in_a_file_how_long_it_takes_once_that_is_known():
    assert work_shown(some_work) == "measuring: 50 pairs 12 %, about 3 min left\n"
    assert work_shown(lambda: progress.advance("pairs", 30)) == ""


def test_a_command_draws_on_a_terminal_how_far_it_is():
    assert "70 pairs 14 %, about 3 min left" in work_shown(some_work, terminal=True)
