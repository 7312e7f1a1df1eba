"""The bills of materials list what the images have."""

import importlib.util
import re

import pytest

from tests import ROOT

_spec = importlib.util.spec_from_file_location("supply_chain", ROOT / "scripts/supply_chain.py")
supply_chain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(supply_chain)


@pytest.mark.parametrize(
    ("python", "versions"),
    [
        ("3.11", {"tfx": "1.16.0", "pyarrow": "10.0.1", "pyarrow-hotfix": "0.7"}),
        ("3.13", {"tfx": "1.21.0", "pyarrow": "18.1.0"}),
    ],
)
def test_a_stack_has_its_own_versions_each_once_and_with_digests(python, versions):
    text = supply_chain.of_stack(supply_chain.image_requirements("cpu"), python)
    pins = re.findall(r"^(\S+)==(\S+)", text, re.MULTILINE)
    assert len(pins) > 200
    assert len(dict(pins)) == len(pins)
    named = {
        name: version for name, version in pins if name in ("tfx", "pyarrow", "pyarrow-hotfix")
    }
    assert named == versions
    assert all(
        "--hash=sha256:" in entry for entry in re.split(r"^(?=[A-Za-z])", text, flags=re.M)[1:]
    )


def test_the_gpus_libraries_are_in_the_image_for_gpus_alone():
    with_cuda, without = (
        supply_chain.of_stack(supply_chain.image_requirements(kind), "3.11")
        for kind in ("cuda", "cpu")
    )
    assert "nvidia-cublas" in with_cuda
    assert "nvidia-cublas" not in without
