"""verify.py on real models that are not whole, foreign, or odd.

`test_run_local.py` runs it on a pushed one.
"""

import contextlib
import dataclasses
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from biometrics.thresholds.measured_images import describe_images
from biometrics.thresholds.measured_sizes import describe_sizes
from biometrics.thresholds.pack import digest_of_folder
from faces.images.align import TEMPLATE
from pipeline.verify import app
from serving.model_dir import contents_of
from tests import ROOT
from tests.biometrics.packs import threshold_pack
from tests.conftest import draw_face, encoded
from tests.serving.dark_model import Dark
from tests.serving.prepared_model import save_model
from tests.serving.versions import write_model, write_pack, write_version

SCRIPT = ROOT / "pipeline" / "verify.py"


def verify(*arguments, **options):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=False, **options
    )


def assert_one_message(run, message):
    assert run.returncode == 2
    assert run.stdout == ""
    (line,) = (line for line in run.stderr.splitlines() if "color conversion request" not in line)
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["missing.jpg"],
            "missing.jpg is no usable image: cannot be read: No such file or directory",
        ),
        (["text.jpg"], "is no usable image"),
        (["empty.jpg"], "empty.jpg is no usable image: empty file"),
        (["huge.png"], "9000x9000 pixels, over the limit of 50000000"),
        (["."], "is no usable image: not a regular file"),
        (["/dev/zero"], "/dev/zero is no usable image: not a regular file"),
        (["loop.jpg"], "loop.jpg is no usable image: cannot be read: Too many levels"),
        (["x" * 300], "File name too long"),
        (["~nobody-of-this-name/a.jpg"], "cannot read ~nobody-of-this-name/a.jpg: "),
        (["text.jpg", "--far", "0.02"], "no threshold for FAR=2e-02; those there are: EER, FAR="),
        (["text.jpg", "--far", "1e-4"], "choosing one takes 142 people with 30,000"),
        (["text.jpg", "--far", "nan"], "--far is a false-accept rate above 0 and below 1"),
        (["text.jpg", "--far", "0"], "--far is a false-accept rate above 0 and below 1"),
        (["text.jpg", "--far", "2"], "--far is a false-accept rate above 0 and below 1"),
        (["text.jpg", "--prior", "1"], "A prior is a probability above 0 and below 1"),
        (["text.jpg", "--prior", "nan"], "A prior is a probability above 0 and below 1"),
        (["text.jpg", "--model-dir", "text.jpg"], "no pushed model in text.jpg"),
        (["text.jpg", "--landmarks", "1,2"], "is given 2 times, for each image in turn"),
        (["text.jpg", *["--landmarks", "1,2"] * 2], "ten numbers with commas. landmarks: 2 num"),
        (["text.jpg", *["--landmarks", "1,2,3,4,5,6,7,8,9,x"] * 2], "y5: no number of pixels: 'x'"),
    ],
)
def test_what_cannot_be_used_is_one_message_and_exit_code_2(tmp_path, arguments, message):
    write_version(tmp_path / "serving" / "1")
    (tmp_path / "text.jpg").write_text("text")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    if arguments == ["huge.png"]:
        Image.new("1", (9000, 9000)).save(tmp_path / "huge.png")
    image, *options = arguments
    run = verify(image, image, "--model-dir", "serving", *options, cwd=tmp_path)
    assert_one_message(run, message)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A home with images, and `serving` with a model of one channel, measured on drawn faces."""
    home = tmp_path_factory.mktemp("home of images")
    version = home / "serving" / "1"
    Dark(1).save(version)
    drawn = [draw_face(person, shot, (32, 32)) for person in range(8) for shot in range(3)]
    pixels = np.stack([np.asarray(image.convert("L")) for image in drawn])[..., np.newaxis]
    pack = threshold_pack(model_sha256=digest_of_folder(contents_of(str(version))))
    measured = {
        "measured_images": describe_images(pixels[:12], pixels[12:]),
        "measured_sizes": describe_sizes([32] * 12, [32] * 12),
    }
    write_pack(version / "assets.extra", dataclasses.replace(pack, **measured))
    draw_face(1, 1, (32, 32)).save(home / "a face.png")
    draw_face(2, 1, (32, 32)).save(home / "b.png")
    draw_face(1, 1, (32, 32)).save(home / "copy.bmp")
    Image.new("RGB", (40, 40)).save(home / "black.png")
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(home / "noise.png")
    (home / "cmyk.jpg").write_bytes(encoded(draw_face(2, 1).convert("CMYK"), "jpeg"))
    return home


def run_here(home, *arguments):
    """The command in this process, which has TensorFlow loaded; as `subprocess.run`."""
    with contextlib.chdir(home):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr)


def test_paths_with_a_space_or_a_quoted_home_are_read(images, monkeypatch):
    monkeypatch.setenv("HOME", str(images))
    run = run_here(images, "~/a face.png", "b.png", "--model-dir", "~/serving")
    assert run.returncode == 0, run.stderr
    assert [line.split()[0] for line in run.stdout.splitlines()][:3] == [
        "distance",
        "threshold",
        "measured",
    ]
    assert "with probability" in run.stdout
    assert "vouched   by thresholds.json, sha256 " in run.stdout


def test_a_serving_folder_may_be_named_like_a_pattern(images, tmp_path):
    serving = tmp_path / "a [x]* ?"
    shutil.copytree(images / "serving", serving)
    run = run_here(images, "a face.png", "b.png", "--model-dir", serving)
    assert run.returncode == 0, run.stderr
    assert "distance" in run.stdout


def test_one_image_given_twice_is_said_whatever_its_format(images):
    for other in ("a face.png", "copy.bmp"):
        run = run_here(images, "a face.png", other, "--model-dir", "serving")
        assert run.returncode == 0, run.stderr
        assert "both have the very same pixels" in run.stdout
        assert "with probability" not in run.stdout
        assert run.stdout.splitlines()[-1] == "same person"


def test_an_image_of_another_size_or_shape_than_measured_is_named(images):
    draw_face(1, 1, (10, 10)).save(images / "tiny.png")
    draw_face(1, 1, (60, 30)).save(images / "wide.png")
    run = run_here(images, "tiny.png", "wide.png", "--model-dir", "serving")
    assert run.returncode == 0, run.stderr
    assert "measured on: shorter side 10, where 32 to 32 was measured" in run.stdout
    assert "measured on: width over height 2, where 1 to 1 was measured" in run.stdout
    assert "with probability" not in run.stdout


def test_an_image_unlike_those_that_were_measured_is_named_with_what_is_unlike(images):
    run = run_here(images, "a face.png", "noise.png", "--model-dir", "serving")
    assert run.returncode == 0, run.stderr
    (line,) = (line for line in run.stdout.splitlines() if "unlike" in line)
    assert line.startswith("images    noise.png is unlike the images this model was measured on: ")
    assert "detail" in line
    assert "probability: what a distance is worth was not measured" in run.stdout


def test_a_cmyk_jpeg_is_converted_for_a_model_of_one_channel(images):
    run = run_here(images, "b.png", "cmyk.jpg", "--model-dir", "serving")
    assert run.returncode == 0, run.stderr
    assert float(run.stdout.split()[1]) == pytest.approx(0, abs=1e-3)


def test_an_embedding_that_is_no_number_is_refused(images):
    run = run_here(images, "a face.png", "black.png", "--model-dir", "serving")
    assert_one_message(run, "the model gives no usable embedding of black.png: its length is not 1")


def test_a_foreign_model_is_loaded_on_request_only(images, tmp_path):
    Dark(3).save(tmp_path / "foreign")
    arguments = ["a face.png", "b.png", "--model-dir", tmp_path / "foreign"]
    assert_one_message(run_here(images, *arguments), "give --trust-model if you know where")
    run = run_here(images, *arguments, "--trust-model")
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith("note: nothing vouches for this model: ")
    assert run.stdout.splitlines()[-1] == "no verdict: there are no thresholds"


def test_a_model_of_aligned_faces_aligns_or_says_that_it_does_not(images):
    model = save_model(images / "aligning", {"aligned": 9})
    arguments = ["a face.png", "b.png", "--model-dir", model, "--trust-model"]
    said = "it is taken as it is, and the model's own images are faces aligned by five landmarks"
    assert run_here(images, *arguments).stdout.count(said) == 2
    points = ",".join(f"{value:.1f}" for value in (TEMPLATE * 0.28).ravel())
    run = run_here(images, *arguments, *["--landmarks", points] * 2)
    assert run.returncode == 0, run.stderr
    assert "taken as it is" not in run.stdout


def test_a_model_that_cannot_be_loaded_is_one_message(images):
    model = write_model(images / "broken")
    run = run_here(images, "a face.png", "b.png", "--model-dir", model, "--trust-model")
    assert run.returncode == 2
    assert "error: cannot load the model" in run.stderr
    assert "Traceback" not in run.stderr
