"""A run on this machine goes by one listing of its images."""

import pytest

from faces.sources.folder import FolderSource
from groundfloor.errors import UserError
from pipeline import run_local
from tests import ROOT


def test_what_judges_the_images_and_what_reads_them_go_by_one_listing(
    faces, tmp_path, monkeypatch, scanned
):
    def steps(config, input_dir, folder, console):
        FolderSource(input_dir, config.data.follow_links).list()
        raise UserError("that is enough")

    monkeypatch.setattr("pipeline.local_runner.run_pipeline", steps)
    with pytest.raises(SystemExit):
        run_local.main(
            config=ROOT / "configs/demo.yaml",
            data_dir=str(faces),
            output_dir=str(tmp_path / "run"),
            overrides=[],
        )
    assert scanned.count(str(faces)) == 1
