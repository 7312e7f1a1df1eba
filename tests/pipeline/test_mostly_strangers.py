"""The demo's configuration on a set of the shape of LFW: most people have a single image."""

import io

import pytest

from faces.contract import TEST
from pipeline.config import load_config
from pipeline.console import TextConsole
from pipeline.local_runner import run_pipeline
from pipeline.preflight import judge_evaluation
from pipeline.run_folder import RunFolder
from tests import ROOT
from tests.conftest import draw_face
from tests.faces.records import records_of

DEMO = ROOT / "configs" / "demo.yaml"
MATED, IMAGES, STRANGERS = 25, 6, 2000


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("strangers")
    for person in range(MATED + STRANGERS):
        home = folder / "faces" / f"p{person:04d}"
        home.mkdir(parents=True)
        for shot in range(IMAGES if person < MATED else 1):
            draw_face(person, shot, size=(24, 24)).save(home / f"{shot}.png")
    run_folder = RunFolder(folder / "run")
    run_folder.prepare()
    run_folder.claim()
    config = load_config(DEMO, ["training.epochs=1", "tracking.enabled=false"])
    return run_pipeline(
        config, folder / "faces", run_folder, TextConsole(file=io.StringIO(), width=120)
    ).metrics


def test_every_protocol_of_the_demo_is_measured(metrics):
    assert metrics["counts"]["identities"] == MATED // 5 + STRANGERS
    assert metrics["counts"]["genuine_pairs"] == MATED // 5 * IMAGES * (IMAGES - 1) // 2
    for name, protocol in metrics["protocols"].items():
        assert protocol["figures"], (name, protocol["remarks"])
        assert protocol["remarks"] == []


def test_those_who_can_search_are_enrolled_by_the_share_that_was_asked_for(metrics):
    counts = metrics["protocols"]["open_set"]["counts"]
    assert counts["mated_people"] in (MATED // 10, MATED // 10 + 1)
    assert abs(counts["enrolled_people"] - counts["non_mated_people"]) <= 1


def test_nothing_of_it_was_in_doubt_before_the_training():
    keys = [f"p{person}/{shot}.png" for person in range(5) for shot in range(IMAGES)]
    keys += [f"s{person}/0.png" for person in range(STRANGERS)]
    splits = dict.fromkeys(records_of(keys), TEST)
    config = load_config(DEMO, ["evaluation.min_people=5"])
    assert judge_evaluation(config.evaluation, splits, config.data.seed) == []
