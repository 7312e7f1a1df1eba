"""What exports need is said before anything has run, and what no runtime opens by name."""

import pytest
from typer.testing import CliRunner

from groundfloor.errors import UserError
from pipeline import run_local
from serving import exports
from serving.exports import KINDS, require_packages
from serving.opened_export import open_export
from tests.conftest import write_faces


def test_a_missing_package_is_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(exports, "is_installed", lambda package: package != "onnxruntime")
    require_packages(["litert"])
    message = "onnx needs onnxruntime, not installed here: install the extra `export`"
    with pytest.raises(UserError, match=message):
        require_packages(["litert", "onnx"])


def test_a_run_is_refused_before_anything_costly_where_an_export_cannot_be_made(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(exports, "is_installed", lambda package: False)
    write_faces(tmp_path / "faces", people=4, shots=2)
    arguments = ["--data-dir", str(tmp_path / "faces"), "--output-dir", str(tmp_path / "run")]
    result = CliRunner().invoke(run_local.app, [*arguments, "--set", "model.export=[openvino]"])
    assert result.exit_code == 2
    assert "error: model.export: openvino needs openvino, not installed here" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_a_file_that_is_no_model_is_one_message(name, tmp_path):
    path = tmp_path / KINDS[name].file
    path.write_bytes(b"no model")
    with pytest.raises(UserError, match="cannot load the model") as failure:
        open_export(name, tmp_path)
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)
