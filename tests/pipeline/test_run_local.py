"""The command line that runs the DAG."""

import fcntl
import json
import shlex
import subprocess
import sys
import tempfile

import pytest

from pipeline.run_folder import RunFolder
from tests import ROOT, mlflow_server
from tests.conftest import draw_face, write_faces
from tests.faces.sources.tables import rows_of_folder, write_csv
from tests.mlflow_server import TrackingServer


def command(script, *arguments, **options):
    return subprocess.run(
        [sys.executable, ROOT / "pipeline" / script, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        **options,
    )


def test_the_command_runs_all_and_says_where_everything_is(config_file, tmp_path):
    faces = write_faces(tmp_path / "faces", people=20, shots=5, image_format="jpg")
    out = tmp_path / "run"
    run = command("run_local.py", "--config", config_file, "--data-dir", faces, "--output-dir", out)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stderr == ""
    assert "[10/10] Pusher" in run.stdout
    assert "The model is blessed and pushed:" in run.stdout
    assert "threshold EER: " in run.stdout
    assert " people; on the other " in run.stdout
    assert "│ FAR " not in run.stdout  # at its own threshold it is no result
    for place in ("latest/report.html", "serving_model/", "mlflow.db", "tensorboard", "logs/"):
        assert f"{out}/" in run.stdout
        assert place in run.stdout
    assert json.loads((out / "latest/metrics.json").read_text())["counts"]["images"] == 20
    assert "drawn in the test" in (out / "latest/report.html").read_text(encoding="utf-8")

    images = [faces / "person00/0.jpg", tmp_path / "other.bmp"]
    draw_face(3, 1, size=(200, 150)).save(images[1])
    verdict = command("verify.py", *images, "--model-dir", out / "serving_model")
    assert verdict.returncode == 0, verdict.stderr
    distance, threshold, *_, answer = verdict.stdout.splitlines()
    is_same = float(distance.split()[1]) <= float(threshold.split()[1])
    assert answer == ("same person" if is_same else "different people")
    (printed,) = (line for line in run.stdout.splitlines() if "thresholds.json: sha256" in line)
    assert f"vouched   by thresholds.json, sha256 {printed.split()[-1]}" in verdict.stdout
    same = command("verify.py", images[0], images[0], "--model-dir", out / "serving_model")
    assert same.stdout.splitlines()[-1] == "same person"


def test_a_model_that_is_not_blessed_ends_with_exit_code_3(config_file, faces, tmp_path):
    """In folders with odd names, and with a password for the tracking server, which is kept out."""
    images = faces.rename(tmp_path / "it's [x]* {y}? 100% #&")
    out = tmp_path / "it's {y} 100% #& 1,2:3"
    with mlflow_server.serving(TrackingServer(asks_for_password=True)) as server:
        run = command(
            "run_local.py",
            "--config",
            config_file,
            "--data-dir",
            images,
            "--output-dir",
            out,
            "--set",
            "evaluation.min_people=3",
            "--set",
            "training.epochs=1",
            "--set",
            f"tracking.uri={server.uri_with_password}",
        )
    assert run.returncode == 3, run.stdout + run.stderr
    text = " ".join(run.stdout.split())
    assert (
        "The model is NOT blessed, and not pushed: The test split has 2 people with two images or "
        "more, and at least 3 are required"
    ) in text
    assert not (out / "serving_model").exists()
    assert server.refused == 0
    assert server.params["training.epochs"] == "1"
    assert server.metrics["loss"]
    assert server.uri in run.stdout
    kept = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
    assert any(server.uri.encode() in content for content in kept)
    for secret in (mlflow_server.PASSWORD, mlflow_server.QUOTED_PASSWORD):
        assert secret not in run.stdout + run.stderr
        assert not [content for content in kept if secret.encode() in content]
    assert f"$ xdg-open {shlex.quote(str(out / 'latest/report.html'))}" in run.stdout
    assert "--logdir_spec" not in run.stdout  # which has separators that are in this path


def test_too_many_broken_images_are_one_message_that_names_the_log(config_file, faces, tmp_path):
    for shot in range(10):
        (faces / f"person00/{shot}.txt").write_text("not an image")
    run = command(
        "run_local.py", "--config", config_file, "--data-dir", faces, "--output-dir", tmp_path / "o"
    )
    assert run.returncode == 2
    assert "10 of 50 files cannot be used" in run.stderr
    assert "Traceback" not in run.stderr + run.stdout
    (log,) = (tmp_path / "o/logs").iterdir()
    assert str(log) in run.stderr


def _few_people(folder):
    return ["--data-dir", write_faces(folder / "faces", people=3, shots=3)]


def _two_shots(folder):
    faces = write_faces(folder / "faces", people=5, shots=2)
    return ["--data-dir", faces, "--set", "data.split_mode=stratified"]


def _manifest(header, *values):
    """Arguments with a manifest of four people with two images each."""

    def arguments(folder):
        faces = write_faces(folder / "faces", people=4, shots=2)
        rows = [(*row, *values) for row in rows_of_folder(faces)]
        return ["--data-dir", write_csv(faces / "faces.csv", rows, header)]

    return arguments


def _empty(folder):
    (folder / "empty").mkdir()
    return ["--data-dir", folder / "empty"]


def _unwritable(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    return ["--data-dir", faces, "--output-dir", "/proc/run"]


def _artifacts_of_another_run(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    other = RunFolder(folder / "other", folder / "shared")
    other.prepare()
    other.claim()
    return ["--data-dir", faces, "--set", f"data.processed_dir={other.artifacts}"]


def _damaged_store(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    (folder / "out").mkdir()
    (folder / "out/metadata.db").write_text("no database")
    return ["--data-dir", faces]


def _folder_in_use(folder):
    faces = write_faces(folder / "faces", people=10, shots=3)
    run = RunFolder(folder / "out")
    run.prepare()
    lock = (run.path / ".lock").open("w")
    lock.write("4321\n")
    lock.flush()
    fcntl.flock(lock, fcntl.LOCK_EX)
    _held.append(lock)
    return ["--data-dir", faces]


_held = []  # locks, until the tests end


def _output(name):
    """Arguments with an output folder of this name beside, or in, that of the images."""

    def arguments(folder):
        faces = write_faces(folder / "faces", people=10, shots=3)
        return ["--data-dir", faces, "--output-dir", folder / name if name else ""]

    return arguments


def _verification(images, output):
    """Arguments with a verification set of the images of this folder."""

    def arguments(folder):
        write_faces(folder / "lfw", people=2, shots=2)
        pairs = folder / "pairs.txt"
        pairs.write_text("person00/0 person00/1 1\nperson00/0 person01/0 0\n")
        options = {"file": pairs, "images": folder / images}
        given = [f"--set=evaluation.verification.lfw.{key}={options[key]}" for key in options]
        return [*_output(output)(folder), *given]

    return arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (lambda folder: ["--data-dir", folder / "nowhere"], "No such file or directory"),
        (lambda folder: [], "no images: give --data-dir"),
        (_empty, "no images in"),
        (_few_people, "at least 4 identities"),
        (_manifest("path,person"), "faces.csv': it needs the columns path and identity"),
        (_manifest("path,identity,split", "dev"), "must be one of train, val, test. Received: 'd"),
        (_two_shots, "split_mode stratified needs at least 3 images"),
        (_unwritable, "cannot write to /proc/run"),
        (_artifacts_of_another_run, "/shared holds the artifacts of "),
        (_damaged_store, "metadata.db: the metadata store is damaged"),
        (_folder_in_use, "another run (process 4321) is using "),
        (lambda folder: ["--data-dir", ""], "--data-dir: a path must not be empty"),
        (_output(""), "--output-dir: a path must not be empty"),
        (_output("a[b]c"), "must have none of these characters"),
        (_output("faces/run"), "must not write into the folder of the images"),
        (_verification("lfw", "lfw/run"), "must not write into the folder of the images"),
        (_verification("no", "out"), "evaluation.verification.lfw, "),
        (lambda folder: ["--set", "training.epoch=3"], "did you mean epochs?"),
        (lambda folder: ["--set", "training.epochs=-1"], "training.epochs: Input should be"),
        (lambda folder: ["--config", folder / "no.yaml"], "cannot read the configuration"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(config_file, tmp_path, arguments, message):
    defaults = ["--config", config_file, "--output-dir", tmp_path / "out"]
    run = command("run_local.py", *defaults, *arguments(tmp_path))
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert message in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_run_that_is_started_elsewhere_finds_its_default_configuration(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / "pipeline" / "run_local.py", "--data-dir", "no such folder"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert run.returncode == 2
    assert "configuration" not in run.stderr
    assert "cannot read the images in 'no such folder'" in run.stderr


def on_small_disk(size, *arguments):
    """Runs run_local.py with its output on a file system of `size`, which only it can see."""
    mount = 'mount -t tmpfs -o size="$0" none "$1" && shift && exec "$@"'
    with tempfile.TemporaryDirectory() as disk:
        command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, size, disk]
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
            pytest.skip("this machine lets nobody mount a small disk")
        script = [sys.executable, str(ROOT / "pipeline/run_local.py"), "--output-dir", disk]
        return subprocess.run(
            [*command, *script, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )


@pytest.mark.parametrize(
    ("size", "reached"), [("16k", ""), ("700k", "[1/10] ImageExampleGen")], ids=["start", "node"]
)
def test_a_full_disk_is_one_message_and_exit_code_2(config_file, faces, size, reached):
    run = on_small_disk(size, "--config", config_file, "--data-dir", faces)
    assert run.returncode == 2, run.stdout + run.stderr
    assert run.stderr.startswith("error: the disk is full. Free some of it and run again")
    assert "Traceback" not in run.stderr + run.stdout
    assert reached in run.stdout
