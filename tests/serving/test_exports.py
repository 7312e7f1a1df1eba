"""What exports need is said before anything has run, and what no runtime opens by name."""

import pytest

from groundfloor.errors import UserError
from serving import exports
from serving.exports import KINDS, require_packages
from serving.runtimes import open_export


def test_a_missing_package_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(exports, "is_installed", lambda package: package != "onnxruntime")
    require_packages(["litert"])
    message = "onnx needs onnxruntime, not installed here: install the extra `export`"
    with pytest.raises(UserError, match=message):
        require_packages(["litert", "onnx"])


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_file_that_is_no_model_is_one_message(name, tmp_path):
    path = tmp_path / KINDS[name].file
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="cannot load the export") as failure:
        open_export(name, tmp_path)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)
