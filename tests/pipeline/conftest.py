"""A configuration small enough for whole runs."""

import pytest
import yaml

from tests.conftest import LENIENT

_SMALL = """
data: {credit: drawn in the test, val_split: 0.2}
model: {input_shape: [32, 32, 3], embedding_dim: 16, arcface_scale: 16}
training: {batch_size: 8, epochs: 2}
"""


@pytest.fixture(scope="module")
def config_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "small.yaml"
    evaluation = {"evaluation": {"bounds": {"EER": {"max": 0.99}}} | LENIENT}
    path.write_text(_SMALL + yaml.safe_dump(evaluation), encoding="utf-8")
    return path
