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


def test_every_requirement_is_held_against_the_advisories():
    text = supply_chain.of_stack(supply_chain.image_requirements("cuda"), "3.13")
    entries = re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE)
    pins = supply_chain.pins_of(text)
    assert len(pins) == len(entries)
    assert ("tfx", "1.21.0") in pins


@pytest.mark.parametrize(("advisory", "code"), [("PYSEC-2023-238", 0), ("PYSEC-2099-1", 1)])
def test_only_an_accepted_advisory_lets_the_audit_pass(tmp_path, capsys, advisory, code):
    folder = tmp_path / "vulns/pyarrow"
    folder.mkdir(parents=True)
    (folder / f"{advisory}.yaml").write_text(
        f"id: {advisory}\naffected:\n- package: {{name: pyarrow}}\n  versions: [10.0.1]\n"
    )
    assert supply_chain.audit_offline("pyarrow==10.0.1 \\\n", tmp_path) == code
    assert f"pyarrow 10.0.1: {advisory}" in capsys.readouterr().out


def test_a_licence_is_that_of_the_same_version():
    mit = [{"license": {"id": "MIT"}}]
    bill = {
        "version": 1,
        "components": [{"name": "My_Lib", "version": "1.0"}, {"name": "my-lib", "version": "2.0"}],
    }
    of_one, of_two = supply_chain.with_licences(bill, {("my-lib", "1.0"): mit})["components"]
    assert of_one["licenses"] == mit
    assert "licenses" not in of_two
