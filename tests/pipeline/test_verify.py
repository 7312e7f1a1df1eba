"""verify.py on versions made by hand and on real models that are not whole, foreign, or odd.

`test_run_local.py` runs it on a pushed one.
"""

import contextlib
import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from biometrics.thresholds.measured_images import describe_images
from biometrics.thresholds.measured_sizes import describe_sizes
from biometrics.thresholds.pack import digest_of_folder
from faces.images.decode import decode_and_resize
from groundfloor.errors import UserError
from pipeline.verify import Remarks, answer, app, choose_model, distance_between
from serving.embedder import PushedModel
from serving.model_dir import contents_of
from tests import ROOT
from tests.biometrics.packs import operating_point, threshold_pack
from tests.conftest import draw_face, encoded
from tests.serving.versions import FILES, write_model, write_pack, write_version

SCRIPT = ROOT / "pipeline" / "verify.py"


def test_the_distances_of_unit_vectors():
    right, up = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    assert distance_between(right, right, "cosine") == 0.0
    assert distance_between(right, up, "cosine") == 1.0
    assert distance_between(right, -right, "cosine") == 2.0
    assert distance_between(right, up, "euclidean") == pytest.approx(2**0.5)


def test_the_newest_complete_version_is_used_and_newer_ones_are_named(tmp_path, capsys):
    for name in ("9", "10", "11"):
        write_version(tmp_path / name)
    (tmp_path / "11" / "saved_model.pb").unlink()
    (tmp_path / "12").mkdir()
    path, pack = choose_model(tmp_path, trust_model=False)
    assert path == tmp_path / "10"
    assert pack.operating_point().threshold == 0.6
    notes = capsys.readouterr().err.splitlines()
    assert [
        f"{tmp_path}/{name} has no saved_model.pb" in note
        for name, note in zip(("12", "11"), notes, strict=True)
    ] == [True, True]


def test_a_model_may_be_named_itself(tmp_path):
    pack = write_version(tmp_path / "9")
    assert choose_model(tmp_path / "9", trust_model=False) == (tmp_path / "9", pack)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "no pushed model in .*: run the pipeline, or give --model-dir"),
        (["5"], "5 has no saved_model.pb: it is not whole$"),
    ],
)
def test_a_folder_without_a_model_is_an_error(tmp_path, names, message):
    for name in names:
        (tmp_path / "models" / name).mkdir(parents=True)
    with pytest.raises(UserError, match=message):
        choose_model(tmp_path / "models", trust_model=True)


def test_a_model_that_nothing_vouches_for_is_refused_by_what_it_does_to_files(tmp_path):
    graph = {"saved_model.pb": b"...\x12\x08ReadFile...\x12\x09WriteFile..."}
    write_model(tmp_path / "1", FILES | graph)
    with pytest.raises(UserError) as error:
        choose_model(tmp_path, trust_model=False)
    assert "thresholds.json: No such file or directory. Loading a model runs" in str(error.value)
    assert "(it has operations on files: ReadFile, WriteFile)" in str(error.value)
    assert "--trust-model" in str(error.value)
    assert choose_model(tmp_path, trust_model=True) == (tmp_path / "1", None)


def test_the_pack_of_another_model_vouches_for_nothing(tmp_path):
    write_version(tmp_path / "1")
    (tmp_path / "1/saved_model.pb").write_bytes(b"another model")
    with pytest.raises(UserError, match=r"another model than .*--trust-model"):
        choose_model(tmp_path, trust_model=False)
    assert choose_model(tmp_path, trust_model=True) == (tmp_path / "1", None)


def test_the_answer_says_what_the_threshold_was_measured_to_be_and_how_strong_the_evidence_is():
    pack = threshold_pack()
    # The calibration is the line from +4 at 0 to -4 at 1, and ln 9 : 1 is 90 %.
    lines = answer(0.5 - np.log(9) / 8, pack, pack.operating_point(), Path("serving/3"), 0.5)
    assert lines == [
        "distance  0.2253 (cosine)",
        "threshold 0.6000 (EER of model serving/3)",
        "measured  FAR 0.015 (95 % interval 0.005 to 0.03) and FRR 0.2 (95 % interval 0.1 to 0.3) "
        "there, on 4 test people: provisional (4 people chose it, and it takes 20)",
        "evidence  log-likelihood ratio +2.20 (natural): same person with probability 0.9000, "
        "at a prior of 0.5",
        "same person",
    ]


def test_an_interval_that_leaves_everything_open_is_not_known():
    point = operating_point("EER", None, 0.6)
    measured = dataclasses.replace(point.test, intervals={"FAR": (0.0, 0.975), "FRR": (0.1, 0.3)})
    point = dataclasses.replace(point, test=measured)
    line = answer(0.5, threshold_pack(), point, Path("1"), 0.5)[2]
    assert "FAR 0.015 (95 % interval not known) and FRR 0.2 (95 % interval 0.1 to 0.3)" in line


def test_a_supported_threshold_is_called_that():
    point = operating_point("FAR=1e-02", 0.01, 0.4, state="supported")
    lines = answer(0.5, threshold_pack(), point, Path("1"), 0.5)
    assert lines[2].endswith("on 4 test people: supported")


@pytest.mark.parametrize(
    ("distance", "far", "verdict"),
    [
        (0.6, None, "same person"),  # at the threshold is accepted
        (0.6001, None, "different people"),
        (0.5, 0.01, "different people"),
        (0.4, 0.01, "same person"),
    ],
)
def test_the_verdict_is_that_of_the_operating_point(distance, far, verdict):
    pack = threshold_pack()
    lines = answer(distance, pack, pack.operating_point(far), Path("1"), 0.5)
    assert lines[-1] == verdict


def test_the_prior_moves_the_probability_and_not_the_verdict():
    pack = threshold_pack()
    likely, unlikely = (
        answer(0.5, pack, pack.operating_point(), Path("1"), prior) for prior in (0.5, 0.001)
    )
    assert "probability 0.5000, at a prior of 0.5" in likely[3]
    assert "probability 0.0010, at a prior of 0.001" in unlikely[3]
    assert likely[-1] == unlikely[-1] == "same person"


def test_without_a_calibration_there_is_no_evidence_line():
    pack = dataclasses.replace(threshold_pack(), calibration=None, Cllr=None)
    lines = answer(0.5, pack, pack.operating_point(), Path("1"), 0.5)
    assert [line.split()[0] for line in lines] == ["distance", "threshold", "measured", "same"]


def test_what_is_unlike_the_measured_images_has_no_probability_and_the_reason_is_said():
    pack = threshold_pack()
    remarks = Remarks({"a b.jpg": ["contrast 3, where 28 to 66 was measured", "detail"]})
    lines = answer(0.3, pack, pack.operating_point(), Path("1"), 0.5, remarks=remarks)
    assert (
        "images    a b.jpg is unlike the images this model was measured on: contrast 3, where 28 "
        "to 66 was measured; detail" in lines
    )
    assert "evidence  no probability: what a distance is worth was not measured on such images" in (
        lines
    )
    assert "with probability" not in " ".join(lines)
    assert lines[-1] == "same person"


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


class Dark(tf.Module):
    """A model of two numbers: how dark the halves of an image are, or NaN where it is black."""

    def __init__(self, channels):
        super().__init__()
        self.channels = channels

    def embed_bytes(self, image_bytes):
        return self.embed_pixels(decode_and_resize(image_bytes, (32, 32, self.channels)))

    def embed_pixels(self, pixels):
        halves = tf.reshape(tf.cast(pixels, tf.float32), [-1, 2, 16 * 32 * self.channels])
        means = tf.reduce_mean(halves, axis=2)
        return {"embedding": means / tf.norm(means, axis=1, keepdims=True)}

    def save(self, folder):
        files = tf.TensorSpec([None], tf.string, name="image_bytes")
        pixels = tf.TensorSpec([None, 32, 32, self.channels], tf.uint8, name="pixels")
        signatures = {
            "serving_default": tf.function(self.embed_bytes, input_signature=[files]),
            "pixels": tf.function(self.embed_pixels, input_signature=[pixels]),
        }
        tf.saved_model.save(self, str(folder), signatures=signatures)


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


def test_what_this_model_cannot_decode_is_one_message(images):
    """The last line of defence: bytes that some other reader would have let through."""
    model = PushedModel(images / "serving" / "1")
    cmyk = (images / "cmyk.jpg").read_bytes()
    with pytest.raises(UserError, match=r"cmyk.jpg is no usable image .* to 1 channels"):
        model.pixels(Path("cmyk.jpg"), cmyk)


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


def test_a_model_that_cannot_be_loaded_is_one_message(images):
    model = write_model(images / "broken")
    run = run_here(images, "a face.png", "b.png", "--model-dir", model, "--trust-model")
    assert run.returncode == 2
    assert "error: cannot load the model" in run.stderr
    assert "Traceback" not in run.stderr
