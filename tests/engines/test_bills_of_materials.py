"""The bills of materials, written by CycloneDX's tool and held against its schema."""

import json
import subprocess
import sys

from tests import ROOT


def test_each_image_has_a_valid_bill_that_names_its_tensorflow():
    command = [sys.executable, ROOT / "scripts/supply_chain.py", "sbom"]
    written = subprocess.run(command, check=True, capture_output=True, text=True)
    for name in written.stdout.split():
        bill = json.loads((ROOT / f"build/sbom/{name}.json").read_text())
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        packages = {part["name"]: part["version"] for part in bill["components"]}
        tensorflow = {"python3.11": "2.16.2", "python3.13": "2.21.0"}[name.partition("-")[2]]
        assert tensorflow in (packages.get("tensorflow-cpu"), packages.get("tensorflow"))
        assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])
        licensed = [part for part in bill["components"] if part.get("licenses")]
        assert len(licensed) > len(packages) / 2
