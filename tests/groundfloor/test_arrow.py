"""Parquet of strangers runs nothing, by whatever reads it here."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests import ROOT

READERS = {
    "manifest": "from faces.sources.table import read_table\nread_table(path, 10)",
    "embeddings": "from biometrics.embedding_files import read_embeddings\nread_embeddings(path)",
    "scores": "from biometrics.score_files import read_scores\nread_scores(path, 'distance')",
}


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def write_hostile(path, ran):
    """A file with a type that is Python code."""
    code = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Touch(ran)),
    }
    names = ["path", "key", "identity", "score", "is_genuine"]
    fields = [pyarrow.field(name, pyarrow.string(), metadata=code) for name in names]
    columns = [pyarrow.array(["a"]) for _ in names]
    table = pyarrow.table(columns, schema=pyarrow.schema(fields))
    pyarrow.parquet.write_table(table, path)


@pytest.mark.parametrize("reader", READERS)
def test_a_type_that_is_python_code_is_not_run(tmp_path, reader):
    path, ran = tmp_path / "hostile.parquet", tmp_path / "ran"
    write_hostile(path, ran)
    # In a process of its own: what makes it safe stays at work in this one.
    program = f"from pathlib import Path\npath = Path({str(path)!r})\n{READERS[reader]}"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not ran.exists()
    # Later versions of pyarrow leave the type out, with a warning, and read what is stored.
    said = ended.stderr.splitlines()[-1:]
    assert ended.returncode == 0 or re.match(r"[\w.]+\.(UserError|EvaluationError): ", said[0])
