"""A run on this machine goes by one listing of its images."""

import pytest

from components.example_gen.source import source_for
from faces.sources.folder import FolderSource
from groundfloor.errors import UserError
from pipeline import run_local
from tests import ROOT
from tests.conftest import write_faces


def test_what_judges_the_images_and_what_reads_them_go_by_one_listing(
    faces, tmp_path, monkeypatch, scanned
):
    def steps(config, input_dir, folder, console):
        FolderSource(input_dir, config.data.follow_links).list()
        raise UserError("that is enough")

    monkeypatch.setattr("pipeline.local_runner.run_pipeline", steps)
    with pytest.raises(SystemExit):
        run_on(faces, tmp_path / "run")
    assert scanned.count(str(faces)) == 1


def run_on(images, output_dir):
    run_local.main(
        config=ROOT / "configs/demo.yaml",
        data_dir=str(images),
        output_dir=str(output_dir),
        overrides=[],
    )


def test_of_a_pattern_the_newest_span_is_judged_said_and_run_though_another_comes(
    tmp_path, monkeypatch, capsys, scanned
):
    pattern = tmp_path / "span-{SPAN}"
    newest = [write_faces(tmp_path / f"span-{span}", people=8, shots=4) for span in (1, 2)][1]

    def steps(config, input_dir, folder, console):
        assert input_dir == pattern
        write_faces(tmp_path / "span-3", people=1, shots=1)
        assert len(source_for(config.data, input_dir).list().records) == 32
        raise UserError("that is enough")

    monkeypatch.setattr("pipeline.local_runner.run_pipeline", steps)
    with pytest.raises(SystemExit):
        run_on(pattern, tmp_path / "run")
    said = " ".join(capsys.readouterr().err.split())
    assert f"note: the newest of '{pattern}' is span 2, '{newest}'" in said
    assert "that is enough" in said
    assert scanned.count(str(newest)) == 1


@pytest.mark.parametrize(
    ("span", "output", "message"),
    [
        ("span_1", "run", "nothing matches"),
        ("span-1", "span-1/run", "must not write into the folder of the images"),
    ],
)
def test_a_pattern_is_judged_before_anything_is_loaded(span, output, message, tmp_path, capsys):
    write_faces(tmp_path / span, people=8, shots=4)
    with pytest.raises(SystemExit):
        run_on(tmp_path / "span-{SPAN}", tmp_path / output)
    assert message in " ".join(capsys.readouterr().err.split())
