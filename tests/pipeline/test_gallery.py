"""`arcface gallery` on a real SavedModel of drawn faces."""

import contextlib
import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from faces.images.align import TEMPLATE
from pipeline.gallery import app
from serving.gallery.gallery import Gallery
from tests.conftest import draw_face, write_faces
from tests.serving.gallery.real_models import push_model

PEOPLE = 5


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two serving folders, faces, and a gallery of five people."""
    home = tmp_path_factory.mktemp("home")
    push_model(home / "serving")
    push_model(home / "later" / "serving", version=2, shape=(16, 16, 3))
    write_faces(home / "faces", PEOPLE, 2)
    draw_face(2, 9).save(home / "two.png")
    draw_face(60, 1).save(home / "stranger.png")
    (home / "text.png").write_text("text")
    run = gallery(home, "enrol", "g.db", "--data", "faces")
    assert run.code == 0, run.stderr
    assert "enrolled  10 images of 5 people" in run.stdout
    return home


@pytest.fixture
def own(home, tmp_path):
    """A copy of the gallery, to be changed."""
    (tmp_path / "g.db").write_bytes((home / "g.db").read_bytes())
    return tmp_path / "g.db"


def gallery(home, command, *arguments, model="serving"):
    """The command in this process, which has TensorFlow loaded."""
    options = (
        []
        if command in ("list", "remove") or "--model-dir" in arguments
        else ["--model-dir", model]
    )
    with contextlib.chdir(home):
        done = CliRunner().invoke(app, [command, *map(str, [*arguments, *options])])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return SimpleNamespace(code=done.exit_code, stdout=done.stdout, stderr=done.stderr)


def test_who_is_enrolled_is_named_and_a_stranger_is_nobody(home):
    run = gallery(home, "identify", "g.db", "two.png", "stranger.png", "--far", "0.01")
    assert run.code == 0, run.stderr
    rows = [[cell.strip() for cell in line.split("│")] for line in run.stdout.splitlines()]
    assert {row[1]: row[2] for row in rows if len(row) > 3} == {
        "two.png": "person02",
        "stranger.png": "nobody",
    }
    assert "threshold 0.4000 (FAR=1e-02 of the model)" in run.stdout
    assert "FPIR      at most 0.3: 10 images times the FAR there" in run.stdout


def test_answers_as_json_have_all_that_is_known(home):
    run = gallery(home, "identify", "g.db", "two.png", "--json")
    (answer,) = json.loads(run.stdout)
    assert (answer["person"], answer["threshold"], answer["point"]) == ("person02", 0.6, "EER")
    assert answer["distance"] < 0.1
    assert answer["fpir"] == pytest.approx(0.3)
    assert answer["log_lr"] > 3


def test_an_fpir_that_the_model_cannot_support_is_refused(home):
    run = gallery(home, "identify", "g.db", "two.png", "--fpir", "0.01")
    assert (run.code, run.stdout) == (2, "")
    assert "an FPIR of 0.01 in 10 images takes a threshold whose FAR is at most" in run.stderr


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_search_lists_the_nearest_people(home, precision):
    run = gallery(
        home, "search", "g.db", "two.png", "--top", "2", "--json", "--precision", precision
    )
    (found,) = json.loads(run.stdout)
    assert found["image"] == "two.png"
    assert found["candidates"][0]["person"] == "person02"
    assert len(found["candidates"]) == 2
    said = "its bare distances would give TAR@FAR=1e-01 1.0000 in place of 1.0000, on 10 images"
    assert (said in run.stderr) == (precision == "int8")


def test_a_search_prints_a_table(home):
    run = gallery(home, "search", "g.db", "two.png", "--per-image", "--top", "2")
    assert run.stdout.count("person02") == 4  # the person, and in the names of both images


def test_images_that_are_refused_are_named_with_the_rule_and_the_code_is_3(home, own):
    run = gallery(home, "enrol", own, "Ada", "two.png", "text.png", "stranger.png")
    assert run.code == 3
    said = " ".join(run.stdout.split())
    assert "refused Ada: two.png: other: it is at distance" in said
    assert "of 'person02', within the threshold 0.6000: they may be one person" in said
    assert "refused Ada: text.png: image: text.png is no usable image" in said
    assert "enrolled 1 image of 1 person refused 2 images" in said


def test_what_a_rule_refuses_is_enrolled_where_it_is_allowed(home, own):
    run = gallery(home, "enrol", own, "Ada", "two.png", "--allow", "other", "--json")
    assert run.code == 0
    (done,) = json.loads(run.stdout)
    assert (done["enrolled"], done["person"]) == (True, "Ada")
    assert done["remarks"][0].startswith("other: ")


def test_who_is_removed_is_listed_no_more(home, own):
    run = gallery(home, "remove", own, "person01", "person03")
    assert run.stdout.splitlines() == [
        "removed   person01: 2 images",
        "removed   person03: 2 images",
    ]
    listed = json.loads(gallery(home, "list", own, "--json").stdout)
    assert [one["name"] for one in listed["people"]] == ["person00", "person02", "person04"]
    assert "people    3 with 6 images" in gallery(home, "list", own).stdout


def test_nobody_is_removed_where_one_is_not_enrolled(home, own):
    run = gallery(home, "remove", own, "person01", "nobody")
    assert (run.code, run.stdout) == (2, "")
    assert "nobody called 'nobody' is enrolled in " in run.stderr
    with Gallery.open(own) as there:
        assert len(there.people()) == PEOPLE


def test_an_upgrade_needs_consent_where_images_are_changed(home, own):
    before = own.read_bytes()
    run = gallery(home, "upgrade", own, model="later/serving")
    assert run.code == 3
    assert "10 images changed for the new model" in run.stdout
    assert "person00: person00/0.png: resized from 8x8x3 to 16x16x3" in run.stdout
    assert "nothing was done" in run.stderr
    assert own.read_bytes() == before
    run = gallery(home, "upgrade", own, "--yes", model="later/serving")
    assert run.code == 0, run.stderr
    assert "threshold 0.6000 to 0.6000, each of EER" in run.stdout
    run = gallery(home, "identify", own, "two.png", "--json", model="later/serving")
    assert json.loads(run.stdout)[0]["person"] == "person02"
    run = gallery(home, "identify", own, "two.png")
    assert run.code == 2
    assert "give the model that it is of, or upgrade the gallery" in run.stderr


def test_the_version_that_a_gallery_is_of_is_used_after_a_newer_push(home, tmp_path):
    serving, file = tmp_path / "serving", tmp_path / "g.db"
    push_model(serving, 1)
    assert gallery(home, "enrol", file, "--data", "faces", model=serving).code == 0
    newer = push_model(serving, 2, shape=(16, 16, 3))
    run = gallery(home, "identify", file, "two.png", "--json", model=serving)
    assert json.loads(run.stdout)[0]["person"] == "person02"
    said = " ".join(run.stderr.split())
    assert f"is of the model {serving / '1'}, and {newer} is newer: arcface gallery upgrade" in said


MISTAKES = {
    "no gallery": (["identify", "no.db", "two.png"], "there is no gallery no.db"),
    "no image": (["identify", "g.db", "no.png"], "no.png is no usable image"),
    "no model": (
        ["search", "g.db", "two.png", "--model-dir", "no"],
        "no pushed model in no",
    ),
    "no person": (["enrol", "new.db"], "give a person and image files of them, or --data"),
    "both": (["enrol", "new.db", "Ada", "--data", "faces"], "or --data, not both"),
    "a rule": (["enrol", "new.db", "Ada", "two.png", "--allow", "dark"], "a rule is one of size"),
    "a far": (["enrol", "new.db", "Ada", "two.png", "--far", "1e-4"], "no threshold for FAR=1e-04"),
    "another far": (["enrol", "g.db", "Ada", "two.png", "--far", "0.01"], "g.db decides by EER"),
    "a name": (["enrol", "new.db", " ", "two.png"], "a person's name is not empty"),
    "data": (["enrol", "new.db", "--data", "nowhere"], "nowhere"),
    "a rate": (["identify", "g.db", "two.png", "--fpir", "2"], "is a rate above 0 and below 1"),
    "precision": (["search", "g.db", "two.png", "--precision", "int4"], "one of float32, int8"),
    "landmarks": (["search", "g.db", "two.png", "--landmarks", "1,2"], "ten numbers"),
    "upgraded": (["upgrade", "g.db"], "is of the model serving/1 already"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_makes_no_file(home, mistake):
    arguments, message = MISTAKES[mistake]
    run = gallery(home, *arguments)
    assert (run.code, run.stdout) == (2, "")
    assert message in run.stderr
    assert not (home / "new.db").exists()


def test_names_that_a_terminal_would_obey_are_shown(home, own):
    (home / "e\x1b[2J.png").write_bytes((home / "stranger.png").read_bytes())
    gallery(home, "enrol", own, "[/b] Ada", "e\x1b[2J.png")
    run = gallery(home, "search", own, "stranger.png", "--top", "1")
    assert "[/b] Ada" in run.stdout
    assert "\x1b[2J" not in run.stdout
    assert r"e\x1b[2J.png" in run.stdout


def test_landmarks_are_for_a_model_that_aligns(home, own):
    points = ",".join(f"{value:.1f}" for value in (TEMPLATE * 0.28).ravel())
    run = gallery(home, "enrol", own, "Ada", "stranger.png", "--landmarks", points)
    assert run.code == 3
    assert "landmarks are given, and it aligns none" in run.stdout
