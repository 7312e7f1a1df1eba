"""The command that runs the pipeline, in a process of its own, on few and small images."""

import json
import os
import re
import subprocess
import sys

from tests import ROOT
from tests.conftest import LENIENT

SMALL = [
    "data.val_split=0.2",
    "model.input_shape=[32, 32, 3]",
    "model.embedding_dim=16",
    "training.batch_size=8",
    "training.epochs=1",
    "evaluation.bounds={EER: {max: 0.99}}",
    *(f"evaluation.{key}={json.dumps(value)}" for key, value in LENIENT.items()),
]


class Run:
    """A run of the command, in a process of its own."""

    def __init__(self, faces, out, settings=("tracking.enabled=false",)):
        self.out = out
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "pipeline/run_local.py", f"--data-dir={faces}"]
            + [f"--output-dir={out}"]
            + [f"--set={setting}" for setting in [*SMALL, *settings]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def done(self):
        """The nodes that were not taken from the cache."""
        printed = self.process.communicate()[0]
        assert self.process.returncode == 0, printed
        self.lines = printed.splitlines()
        finished = [
            line.split() for line in self.lines if re.match(r"\[\d+/\d+\] .*\d s( |$)", line)
        ]
        assert len(finished) == 10
        return {words[1] for words in finished if words[-1] != "cache"}


def files_with(text, folder):
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes()
    ]
