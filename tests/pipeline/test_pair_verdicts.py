"""verify.py with an export at hand, and on lists of pairs."""

import contextlib
import csv
import dataclasses
import io
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from biometrics.engine.distances import distance_between
from biometrics.thresholds.pack import COMPANIONS
from faces.images.template import TEMPLATE
from pipeline.verify import app
from serving.embedder import Embedder
from serving.verdict import ONE_IMAGE
from tests import ROOT
from tests.conftest import draw_face, encoded
from tests.serving.exported_model import push_exported
from tests.serving.versions import write_pack

SCRIPT = ROOT / "pipeline" / "verify.py"
LANDMARKS = ",".join(str(number) for number in (TEMPLATE * 0.5 + 3).ravel())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Images, and two serving folders: with an export of the model, and with the model alone."""
    home = tmp_path_factory.mktemp("home")
    pack = push_exported(home / "light" / "1")
    push_exported(home / "bare" / "1", ())
    assert dataclasses.replace(pack, exports={}) != pack
    for person in range(4):
        draw_face(person, 1, (64, 60)).save(home / f"{person}.png")
    (home / "cmyk.jpg").write_bytes(encoded(draw_face(2, 1).convert("CMYK"), "jpeg"))
    (home / "text.jpg").write_text("text")
    return home


def verify(home, *arguments):
    """The command in this process, in the home; as `subprocess.run`."""
    with contextlib.chdir(home):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr)


def of_pairs(home, pairs, *arguments, serving="light"):
    """The rows that come of a list, and what is said beside them."""
    (home / "pairs.csv").write_text(pairs, encoding="utf-8")
    run = verify(home, "--pairs", "pairs.csv", "--model-dir", serving, *arguments)
    assert run.returncode == 0, run.stderr
    return list(csv.DictReader(io.StringIO(run.stdout))), run.stderr


def test_where_an_export_is_at_hand_tensorflow_is_not_loaded(home):
    code = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules, file=sys.stderr))\n"
        f"sys.argv = ['verify.py', '0.png', '1.png', '--model-dir', 'light', '--verbose']\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True
    )
    assert "computed by the export onnx, without TensorFlow\nFalse" in run.stderr
    assert run.stdout.splitlines()[-1] in ("same person", "different people")


def same_but_for_the_model(run):
    """All that is printed, without the path of the model and the digest of its thresholds."""
    return re.sub(r"model \S+|sha256 \w+", "", run.stdout)


@pytest.mark.parametrize("second", ["1.png", "0.png", "cmyk.jpg"])
@pytest.mark.parametrize("options", [[], ["--landmarks", LANDMARKS, "--landmarks", LANDMARKS]])
def test_the_answer_is_that_of_the_model_itself(home, second, options):
    light, bare = (
        verify(home, "0.png", second, "--model-dir", serving, *options)
        for serving in ("light", "bare")
    )
    assert light.returncode == bare.returncode == 0, light.stderr
    assert same_but_for_the_model(light) == same_but_for_the_model(bare)
    assert light.stderr == bare.stderr == ""


def test_a_distance_that_might_fall_on_either_side_is_the_models_own(home, tmp_path):
    pack = push_exported(tmp_path / "1", farthest=0.3)
    write_pack(tmp_path / "1" / COMPANIONS, pack)
    run = verify(home, "0.png", "1.png", "--model-dir", tmp_path, "--verbose")
    assert "computed by the SavedModel, with TensorFlow" in run.stderr
    rows, said = of_pairs(home, "first,second\n0.png,1.png\n", "--verbose", serving=tmp_path)
    assert "2 images by the SavedModel" in said
    assert float(rows[0]["distance"]) == pytest.approx(float(run.stdout.split()[1]), abs=5e-5)


def test_each_pair_is_a_row_with_the_columns_of_the_list(home):
    rows, said = of_pairs(home, "note,first,second\na,0.png,1.png\nb,2.png,3.png\nc,1.png,1.png\n")
    assert [row["note"] for row in rows] == ["a", "b", "c"]
    assert list(rows[0]) == ["note", "first", "second", "distance", "same", "llr", "remark"]
    embedder = Embedder(home / "bare" / "1")
    for row in rows[:2]:
        first, second = (
            embedder.see(home / row[side], (home / row[side]).read_bytes()).embedding
            for side in ("first", "second")
        )
        expected = distance_between(first, second, "cosine")
        assert float(row["distance"]) == pytest.approx(expected, abs=2e-6)
        assert row["same"] == ("yes" if expected <= 0.6 else "no")
        assert row["llr"]
    assert rows[2]["remark"] == ONE_IMAGE
    assert (rows[2]["distance"], rows[2]["same"], rows[2]["llr"]) == ("0.0000000", "yes", "")
    assert "3 pairs at threshold 0.6000 (EER)" in said


def test_a_list_has_the_same_answers_with_and_without_an_export(home):
    pairs = "first,second\n0.png,1.png\n2.png,cmyk.jpg\n3.png,0.png\ntext.jpg,1.png\n"
    light, bare = (of_pairs(home, pairs, serving=serving)[0] for serving in ("light", "bare"))
    for ours, theirs in zip(light, bare, strict=True):
        if theirs["distance"]:
            ours_apart, theirs_apart = (float(row.pop("distance")) for row in (ours, theirs))
            assert ours_apart == pytest.approx(theirs_apart, abs=2e-6)
            assert float(ours.pop("llr")) == pytest.approx(float(theirs.pop("llr")), abs=1e-3)
        assert ours == theirs


def test_an_image_that_cannot_be_used_is_a_row_with_the_reason(home):
    rows, said = of_pairs(home, "first,second\n0.png,text.jpg\nnone.png,1.png\n0.png,1.png\n")
    assert "text.jpg is no usable image: not an image" in rows[0]["remark"]
    assert "none.png is no usable image: cannot be read: No such file" in rows[1]["remark"]
    assert [row["distance"] == "" for row in rows] == [True, True, False]
    assert "2 without an answer (column remark)" in said


def test_each_image_is_embedded_once(home):
    pairs = "first,second\n" + "".join(f"{a}.png,{b}.png\n" for a in range(4) for b in range(4))
    _, said = of_pairs(home, pairs, "--verbose")
    assert "without TensorFlow: 4 images" in said


def test_landmarks_stand_in_columns_of_their_own(home):
    header = "first,second,first_landmarks,second_landmarks\n"
    row = f'0.png,1.png,"{LANDMARKS}",\n0.png,1.png,,\n'
    rows, _ = of_pairs(home, header + row)
    assert rows[0]["distance"] != rows[1]["distance"]


def test_the_answers_go_to_a_file_as_a_whole(home):
    _, said = of_pairs(home, "first,second\n0.png,1.png\n", "--output", "answers.csv")
    assert "1 pairs" in said
    lines = (home / "answers.csv").read_text().splitlines()
    assert lines[0] == "first,second,distance,same,llr,remark"
    assert not list(home.glob("*.new"))


@pytest.mark.parametrize(
    ("pairs", "arguments", "message"),
    [
        ("first,other\na,b\n", [], "need a header with the columns first, second"),
        ("first,second,same\na,b,c\n", [], "a column same is added"),
        ("first,second\n", [], "at least one row"),
        ("first,second,first_landmarks\na,b,1 2\n", [], "line 2 of the pairs: first_landmarks"),
        ("first,second\na,b\n", ["--output", "none/a.csv"], "cannot write none/a.csv"),
        ("first,second\na,b\n", ["--output", "light"], "cannot write light"),
        ("first,second\na,b\n", ["--far", "2"], "--far is a false-accept rate"),
        ("first,second\na,b\n", ["--far", "0.02"], "no threshold for FAR=2e-02"),
        ("first,second\na,b\n", ["0.png"], "--pairs names the images"),
        ("first,second\na,b\n", ["--landmarks", "1,2"], "leave out landmarks"),
    ],
)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(home, pairs, arguments, message):
    (home / "wrong.csv").write_text(pairs)
    run = verify(home, "--pairs", "wrong.csv", "--model-dir", "light", *arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = run.stderr.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give two images, or a list of pairs"),
        (["0.png"], "give two images, or a list of pairs"),
        (["0.png", "1.png", "--output", "x"], "--output is of --pairs"),
        (["--pairs", "none.csv"], "--pairs none.csv: cannot be read: No such file"),
    ],
)
def test_images_or_a_list_are_needed(home, arguments, message):
    run = verify(home, *arguments, "--model-dir", "light")
    assert run.returncode == 2
    assert message in run.stderr


def test_a_model_without_thresholds_gives_distances_alone(home, tmp_path):
    push_exported(tmp_path / "1")
    (tmp_path / "1" / COMPANIONS / "thresholds.json").unlink()
    rows, _ = of_pairs(home, "first,second\n0.png,1.png\n", "--trust-model", serving=tmp_path / "1")
    assert float(rows[0]["distance"]) > 0
    assert rows[0]["same"] == rows[0]["llr"] == ""
