"""`arcface audit` on a real run of drawn faces, some of which have wrong labels."""

import csv
import io
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from ml_metadata.proto.metadata_store_pb2 import Artifact
from typer.testing import CliRunner

from faces.sources import SourceOptions, source_at
from groundfloor.errors import UserError
from pipeline import label_audit, metadata_store
from pipeline.audit import app
from pipeline.config import load_config
from pipeline.console import TextConsole
from pipeline.label_audit import audit_run, find_run
from pipeline.latest_run import artifacts_of_latest_run
from pipeline.local_runner import run_pipeline
from pipeline.run_folder import RunFolder
from tests.conftest import draw_face, write_faces
from tests.faces.report.test_contact_sheet import Page

# File -> whose picture it really is, among 12 people with 6 shots each.
WRONG = {"person01/1.png": 7, "person04/2.png": 0, "person09/5.png": 3}


@pytest.fixture(scope="module")
def folder(config_file, tmp_path_factory):
    """The folder of a run with wrong labels."""
    place = tmp_path_factory.mktemp("audited")
    faces = write_faces(place / "faces", people=12, shots=6)
    for key, person in WRONG.items():
        draw_face(person, 100).save(faces / key)
    folder = RunFolder(place / "run")
    folder.prepare()
    folder.claim()
    console = TextConsole(file=io.StringIO())
    run_pipeline(load_config(config_file, []), faces, folder, console)
    return folder


def audited(folder):
    """What the command prints."""
    stream = io.StringIO()
    audit_run(folder, TextConsole(file=stream, width=200))
    return stream.getvalue()


def rows_of(path):
    return list(csv.reader(path.open(newline="", encoding="utf-8")))


def test_the_wrong_images_are_listed_shown_and_not_in_the_manifest(folder):
    printed = audited(folder)
    out = folder.path / "audit"
    assert "audited: 72 images of 12 people" in printed
    assert "images that look more like somebody else: 3" in printed
    assert "for a person to judge" in printed
    _, *rows = rows_of(out / "audit.csv")
    found = {key: (identity, suggested) for key, identity, suggested, *_ in rows}
    assert found == {key: (key[:8], f"person{person:02d}") for key, person in WRONG.items()}
    page = Page((out / "audit.html").read_text(encoding="utf-8"))
    assert set(WRONG) <= set(page.text)
    for name in ("audit.html", "audit.csv", "people.csv", "manifest.csv"):
        assert name in printed
        assert (out / name).is_file()
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["audit.html", "audit.csv", "people.csv", "manifest.csv"]
    )


def test_the_manifest_is_a_source_of_the_other_images(folder):
    audited(folder)
    faces = folder.path.parent / "faces"
    listing = source_at(
        folder.path / "audit/manifest.csv", options=SourceOptions(follow_links=True)
    ).list()
    everything = {
        str(faces / record.key): record.identity for record in source_at(faces).list().records
    }
    left = {record.key: record.identity for record in listing.records}
    assert left == {
        path: identity
        for path, identity in everything.items()
        if path not in {str(faces / key) for key in WRONG}
    }
    assert not listing.refused


def test_another_audit_takes_the_place_of_the_first_and_says_the_same(folder):
    first = audited(folder)
    out = folder.path / "audit"
    contents = {path.name: path.read_bytes() for path in out.iterdir()}
    (out / "kept_keys.csv").write_text("of an audit when the images were no files")
    assert without_seconds(audited(folder)) == without_seconds(first)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == contents


def without_seconds(printed):
    return re.sub(r" +\d+\.\d s", "", printed)


def artifact(folder, key):
    store = metadata_store.connect(folder.metadata_db)
    return Path(artifacts_of_latest_run(store)[key].uri)


@contextmanager
def away(path):
    """Without a file or a folder, for a while."""
    kept = path.rename(f"{path}.away")
    try:
        yield
    finally:
        kept.rename(path)


def test_it_does_not_matter_whether_the_model_was_blessed(folder):
    with away(folder.serving_model), away(artifact(folder, "blessing")):
        assert "somebody else: 3" in audited(folder)


@pytest.mark.parametrize("key", ["transformed_examples", "model"])
def test_what_is_not_as_the_run_made_it_is_not_audited(folder, key):
    file = max((path for path in artifact(folder, key).rglob("*") if path.is_file()), key=str)
    with away(file):
        with pytest.raises(UserError, match=f"the run is not as it was, .*{file.name} is missing"):
            find_run(folder)
        file.write_bytes(b"another one")
        with pytest.raises(UserError, match=r"has 11 bytes instead of .*: run it \(again\)"):
            find_run(folder)


def test_a_run_without_a_model_is_told_so(folder):
    store = metadata_store.connect(folder.metadata_db)
    model = artifacts_of_latest_run(store)["model"]
    model.state = Artifact.DELETED
    store.put_artifacts([model])
    with pytest.raises(UserError, match="does not have a trained model yet: run it"):
        find_run(folder)
    model.state = Artifact.LIVE
    store.put_artifacts([model])
    assert find_run(folder).model.is_dir()


def test_a_run_that_has_only_begun_is_told_what_it_lacks(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.prepare()
    metadata_store.check_store(folder.metadata_db)
    with pytest.raises(UserError, match="does not have images that are prepared yet"):
        find_run(folder)


def test_a_folder_that_cannot_be_written_to_is_named_before_anything_costly(folder, monkeypatch):
    monkeypatch.setattr(label_audit, "embed_run", lambda run: pytest.fail("it has been embedded"))
    out = folder.path / "audit"
    shutil.rmtree(out, ignore_errors=True)
    out.write_text("a file")
    with pytest.raises(UserError, match=re.escape(f"cannot write to '{out}': File exists")):
        audited(folder)
    out.unlink()


def test_the_command_ends_with_0_and_where_there_is_no_run_with_2(folder, tmp_path):
    done = CliRunner().invoke(app, [str(folder.path)])
    assert (done.exit_code, "audited: 72 images" in done.stdout) == (0, True)
    for place in (tmp_path, tmp_path / "nowhere"):
        refused = CliRunner().invoke(app, [str(place)])
        assert refused.exit_code == 2
        # A long path is shown without its middle, and broken into lines.
        said = "".join(refused.stderr.split())
        assert said.startswith("error:thereisnorunin'")
        assert f"{place.name[-20:]}':nometadata.dbisthere" in said
        assert list(tmp_path.iterdir()) == []
