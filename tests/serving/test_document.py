"""What docs/serving.md says of exports does what it says."""

import re
import subprocess
import sys

import pytest

from serving.choice import choose_model
from serving.comparison import compare_images
from serving.exports import KINDS
from serving.light import open_light
from tests import ROOT
from tests.conftest import draw_face
from tests.serving.exported_model import push_exported

DOCUMENT = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
SECTION = DOCUMENT.split("## Use the exports")[1].split("\n## ")[0]


def test_each_export_is_in_the_table_with_its_file():
    for name, kind in KINDS.items():
        assert re.search(rf"^\| `{name}` \| `{name}/{kind.file}`", SECTION, re.M)


@pytest.mark.parametrize("shape", [(32, 40, 3), (40, 32, 1)])
def test_the_program_needs_nothing_of_this_project_and_gives_the_distance(tmp_path, shape):
    push_exported(tmp_path / "1", shape=shape)
    (program,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    photographs = [tmp_path / f"{person}.png" for person in range(2)]
    for person, path in enumerate(photographs):
        draw_face(person, 1, (120, 90)).save(path)
    run = subprocess.run(
        [sys.executable, "-I", "-c", program, tmp_path / "1", *photographs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    light = open_light(choose_model(tmp_path, trust_model=False))
    seen = (light.see(path, path.read_bytes()) for path in photographs)
    expected = compare_images(*seen, None).distance
    assert expected > 0.01
    assert float(run.stdout.removeprefix("distance ")) == pytest.approx(expected, abs=0.01)
