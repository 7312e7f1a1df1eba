"""arcface embed: from a source of images to a file of their embeddings."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from biometrics.embedding_files import read_embeddings
from faces.images.align import TEMPLATE
from pipeline.embed import app
from serving.embedder import Embedder
from tests.conftest import draw_face, encoded
from tests.serving.prepared_model import save_model

LANDMARKS = tuple((TEMPLATE * 0.4).ravel())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Aligns, and nothing vouches for it."""
    return save_model(tmp_path_factory.mktemp("model"), {"aligned": 9})


@pytest.fixture
def faces(tmp_path):
    """Three people with two images each, and two files that are no images."""
    folder = tmp_path / "faces"
    for person in range(3):
        (folder / f"p{person}").mkdir(parents=True)
        for number in range(2):
            path = folder / f"p{person}" / f"{number}.png"
            path.write_bytes(encoded(draw_face(person, number, (48, 50)), "png"))
    (folder / "p1" / "text.jpg").write_text("text")
    (folder / "p2" / "empty.jpg").touch()
    return folder


def embed(data, output, model, *options):
    arguments = [str(data), "--output", str(output), "--model-dir", str(model), *options]
    return CliRunner().invoke(app, arguments)


def refused_in(table):
    with table.open(newline="", encoding="utf-8") as file:
        return [(row["key"], row["reason"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", ["out/faces.parquet", "out/faces.npz"])
def test_every_image_has_the_embedding_that_it_has_alone(faces, tmp_path, model, name):
    run = embed(faces, tmp_path / name, model, "--trust-model")
    assert (run.exit_code, run.stderr) == (0, "")
    images = read_embeddings(tmp_path / name)
    assert images.keys == [f"p{person}/{number}.png" for person in range(3) for number in range(2)]
    assert images.identities == ["p0", "p0", "p1", "p1", "p2", "p2"]
    embedder = Embedder(model)
    alone = [embedder.see(key, (faces / key).read_bytes()).embedding for key in images.keys]
    np.testing.assert_allclose(images.embeddings, alone, atol=1e-6)


def test_what_is_refused_is_listed_beside_the_file_and_said(faces, tmp_path, model):
    output = tmp_path / "faces.npz"
    run = embed(faces, output, model, "--trust-model")
    assert refused_in(tmp_path / "faces.refused.csv") == [
        ("p1/text.jpg", "not an image"),
        ("p2/empty.jpg", "empty"),
    ]
    *notes, embedded, refused = run.stdout.splitlines()
    assert embedded == f"embedded  6 images of 3 people, 2 dimensions, by {model}: {output}"
    assert refused.startswith("refused   2 images (1 x empty, 1 x not an image): ")
    assert any("of 6 of 6 images: it is taken as it is, and the model's own" in n for n in notes)
    assert any("nothing vouches for this model" in note for note in notes)


def test_a_manifest_gives_landmarks_and_columns(faces, tmp_path, model):
    manifest = tmp_path / "faces.csv"
    points = ",".join(f"{axis}{point}" for point in range(1, 6) for axis in "xy")
    rows = [f"faces/p{n}/0.png,p{n},site {n},{','.join(map(str, LANDMARKS))}" for n in range(2)]
    mirrored = ",".join(map(str, (TEMPLATE * [-0.4, 0.4] + [45, 0]).ravel()))
    rows.append(f"faces/p2/0.png,p2,,{mirrored}")
    manifest.write_text("\n".join([f"path,identity,site,{points}", *rows]))
    run = embed(manifest, tmp_path / "out.parquet", model, "--trust-model")
    assert run.exit_code == 0, run.stderr
    images = read_embeddings(tmp_path / "out.parquet")
    assert images.attributes == {"site": ["site 0", "site 1"]}
    seen = Embedder(model).see("a", (faces / "p1/0.png").read_bytes(), LANDMARKS)
    np.testing.assert_allclose(images.embeddings[1], seen.embedding, atol=1e-6)
    assert refused_in(tmp_path / "out.refused.csv") == [("faces/p2/0.png", "no usable face")]
    assert "taken as it is" not in run.stdout
    run = embed(manifest, tmp_path / "other.npz", model, "--trust-model")
    assert "an .npz has no further columns, a .parquet has: 'site' are left out" in run.stdout


def test_a_pattern_is_the_newest_span(faces, tmp_path, model):
    (tmp_path / "span-1").mkdir()
    faces.rename(tmp_path / "span-2")
    run = embed(tmp_path / "span-{SPAN}", tmp_path / "out.npz", model, "--trust-model")
    assert "embedded  6 images" in run.stdout


def test_a_source_without_any_usable_image_leaves_no_file(tmp_path, model):
    (tmp_path / "faces" / "p1").mkdir(parents=True)
    (tmp_path / "faces" / "p1" / "text.jpg").write_text("text")
    run = embed(tmp_path / "faces", tmp_path / "out.npz", model, "--trust-model")
    assert run.exit_code == 2
    assert "error: none of 1 images can be embedded, such as 'p1/text.jpg': " in run.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"faces"}


@pytest.mark.parametrize(
    ("output", "options", "message"),
    [
        ("out.csv", [], "embeddings are written to .npz or .parquet. Received: "),
        ("there.npz", ["--trust-model"], "there.npz is there already: give a new name"),
        ("listed.npz", ["--trust-model"], "listed.refused.csv is there already: give a new name"),
        ("faces/p0/0.png/out.npz", ["--trust-model"], "--output: cannot make "),
        ("out.npz", [], "nothing vouches for this one: give --trust-model"),
        ("out.npz", ["--trust-model", "--set", "data.sauce=folder"], "data.sauce"),
        ("out.npz", ["--trust-model", "--set", "data.source=recordio"], "no index "),
    ],
)
def test_what_cannot_be_used_is_one_message_before_anything_is_read(
    tmp_path, model, output, options, message
):
    (tmp_path / "faces" / "p0").mkdir(parents=True)
    (tmp_path / "faces" / "p0" / "0.png").touch()
    (tmp_path / "there.npz").touch()
    (tmp_path / "listed.refused.csv").touch()
    run = embed(tmp_path / "faces", tmp_path / output, model, *options)
    assert run.exit_code == 2
    (line,) = run.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.slow
def test_beam_gives_the_same_files(faces, tmp_path, model):
    for name, options in (("here", ()), ("beam", ("--beam",))):
        run = embed(faces, tmp_path / f"{name}.npz", model, "--trust-model", *options)
        assert run.exit_code == 0, run.output
    here, beam = (read_embeddings(tmp_path / f"{name}.npz") for name in ("here", "beam"))
    assert (beam.keys, beam.identities) == (here.keys, here.identities)
    np.testing.assert_array_equal(beam.embeddings, here.embeddings)
    assert refused_in(tmp_path / "beam.refused.csv") == refused_in(tmp_path / "here.refused.csv")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
