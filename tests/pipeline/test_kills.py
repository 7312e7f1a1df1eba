"""A run that is killed, for real, at every node; and what the runs after it make of that."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest
import yaml

from tests import ROOT
from tests.conftest import LENIENT, write_faces

CONFIG = """
data: {val_split: 0.2}
model: {input_shape: [32, 32, 3], embedding_dim: 16, arcface_scale: 16}
training: {batch_size: 8, epochs: 12}
"""
WORK_IS_DONE = "Cleaning up stateless execution info."  # but not yet told to the metadata store
STARTS = "Running launcher for %s"

# In the order of the DAG: the node, and the file or the message at which the process is killed.
KILLS = [
    ("ImageExampleGen", "artifacts/ImageExampleGen/examples/*"),
    ("ImageTransform", "artifacts/ImageTransform/transformed_examples/*/Split-*"),
    ("StatisticsGen", "artifacts/StatisticsGen/statistics/*"),
    ("SchemaGen", WORK_IS_DONE),
    ("StatisticsBefore", STARTS),
    ("Trainer", "unfinished/*/step-*/state.json"),
    ("ExampleValidator", WORK_IS_DONE),
    ("LatestBlessedModel", STARTS),
    ("FaceEvaluator", "artifacts/FaceEvaluator/evaluation/*"),
    ("Pusher", WORK_IS_DONE),
]
RESOLVERS = ("LatestBlessedModel", "StatisticsBefore")
SECONDS = 300


class Server:
    """Runs of run_local.py, each a process of its own."""

    def __init__(self, folder):
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.pipeline.run_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout.readline() == "ready\n"

    def start(self, arguments, kill_at=None):
        """Starts a run; returns its process id."""
        self.output = self._folder / "output.txt"
        request = {
            "arguments": [str(argument) for argument in arguments],
            "output": str(self.output),
            "kill_at": kill_at,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def wait(self):
        """Waits for the end of the run; its return code, and what it printed."""
        code = int(self._process.stdout.readline())
        return code, self.output.read_text(encoding="utf-8")

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    config = CONFIG + yaml.safe_dump({"evaluation": LENIENT})
    (folder / "small.yaml").write_text(config, encoding="utf-8")
    faces = write_faces(folder / "faces", people=20, shots=4, image_format="jpg")
    return ["--config", folder / "small.yaml", "--data-dir", faces]


@pytest.fixture(scope="module")
def undisturbed(server, arguments, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    server.start([*arguments, "--output-dir", run])
    code, output = server.wait()
    assert code == 0, output
    return run


class Killed:
    """A run folder in which a run was killed at every node, and stopped once, and then went on."""

    def __init__(self, server, arguments, run):
        self.run = run
        self.server = server
        self.arguments = [*arguments, "--output-dir", run]
        self.codes, self.outputs = {}, {}
        for node, moment in KILLS:
            if node == "Trainer":
                self._signal_at(moment, signal.SIGTERM, name="stopped")
            if "/" in moment:
                self._signal_at(moment, signal.SIGKILL, name=node)
            else:
                server.start(self.arguments, [node, moment])
                self.codes[node], self.outputs[node] = server.wait()
        server.start(self.arguments)
        self.codes["last"], self.outputs["last"] = server.wait()

    def _signal_at(self, pattern, number, name):
        """Sends a signal as soon as a new file is there."""
        before = set(self.run.glob(pattern))
        process = self.server.start(self.arguments)
        deadline = time.monotonic() + SECONDS
        while not set(self.run.glob(pattern)) - before:
            assert time.monotonic() < deadline, self.server.output.read_text(encoding="utf-8")
            time.sleep(0.005)
        os.kill(process, number)
        self.codes[name], self.outputs[name] = self.server.wait()


@pytest.fixture(scope="module")
def killed(server, arguments, undisturbed, tmp_path_factory):
    return Killed(server, arguments, tmp_path_factory.mktemp("killed") / "run")


def query(database, statement):
    with closing(sqlite3.connect(database)) as tables:
        return tables.execute(statement).fetchall()


def metrics(run):
    return json.loads((run / "latest/metrics.json").read_text(encoding="utf-8"))


def files(folder):
    """Names below a folder, without what is another in each run: numbers and times."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    alike = (re.sub(r"events\.out\.tfevents\..*", "events", name) for name in names)
    return sorted(re.sub(r"(?<=/)\d+(?=/)|^\d+(?=/)", "N", name) for name in alike)


@pytest.mark.parametrize("node", [node for node, _ in KILLS])
def test_the_run_was_killed_in_the_node_and_not_before(killed, node):
    assert killed.codes[node] == -signal.SIGKILL, killed.outputs[node]
    running = [line for line in killed.outputs[node].splitlines() if line.startswith("[")]
    assert running[-1].split()[1] == node


@pytest.mark.parametrize("node", [node for node, _ in KILLS[:-1]])
def test_the_next_run_says_what_was_killed(killed, node):
    names = [*(node for node, _ in KILLS), "last"]
    following = names[names.index(node) + 1]
    after = killed.outputs["stopped" if following == "Trainer" else following]
    if node not in RESOLVERS:  # killed before it was told to the metadata store
        assert f"an earlier run was killed in {node}, which runs anew" in after


def test_a_stopped_run_says_so_in_one_message(killed):
    assert killed.codes["stopped"] == 128 + signal.SIGTERM
    last = killed.outputs["stopped"].splitlines()[-1]
    assert last == "error: stopped by SIGTERM; what is finished is kept for the next run"
    assert "Traceback" not in killed.outputs["stopped"]


def test_the_last_run_ends_well_with_the_figures_of_an_undisturbed_one(killed, undisturbed):
    assert killed.codes["last"] == 0, killed.outputs["last"]
    assert metrics(killed.run) == metrics(undisturbed)


def test_a_training_that_was_killed_goes_on_and_leaves_no_state_when_it_is_complete(killed):
    assert "the training goes on from what" in killed.outputs["ExampleValidator"]
    assert not list((killed.run / "unfinished").iterdir())


def test_what_was_finished_before_a_kill_comes_from_the_cache(killed):
    done = [line.split()[1] for line in killed.outputs["last"].splitlines() if "cache" in line]
    assert done == [node for node, _ in KILLS if node not in (*RESOLVERS, "Pusher")]


def test_no_execution_is_left_running(killed):
    states = query(killed.run / "metadata.db", "select last_known_state from Execution")
    failed, running = 4, 2
    assert (running,) not in states
    # A resolver was killed before it was told to the store; the stop came in the Trainer.
    assert states.count((failed,)) == len(KILLS) - len(RESOLVERS) + 1


def test_a_training_that_went_on_is_one_tracked_run_which_is_finished(killed):
    assert query(killed.run / "mlflow.db", "select status from runs") == [("FINISHED",)]


def test_no_file_is_left_that_an_undisturbed_run_does_not_leave(killed, undisturbed):
    assert files(killed.run / "artifacts") == files(undisturbed / "artifacts")


def test_every_served_version_is_whole(killed, undisturbed):
    (whole,) = (undisturbed / "serving_model").iterdir()
    for version in (killed.run / "serving_model").iterdir():
        assert files(version) == files(whole)
