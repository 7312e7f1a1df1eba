"""What a run shows."""

import io
import logging
import subprocess
import sys

import pytest
from rich.console import Console

from components import progress
from pipeline import console as console_module
from pipeline.console import NodeDisplay

LOGGER = logging.getLogger("absl")


@pytest.fixture(autouse=True)
def info_level():
    former = LOGGER.level
    LOGGER.setLevel(logging.INFO)
    yield
    LOGGER.setLevel(former)


def shown(act, terminal=False) -> list[str]:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=terminal)
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
