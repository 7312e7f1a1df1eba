"""Curves as files that read back exactly, and scalars that trackers take."""

import csv
import io
from pathlib import PurePath

import numpy as np
import pytest

from biometrics.engine.pair_scores import score_pairs
from biometrics.figures.curves import compute_curves
from biometrics.figures.metrics import error_rates
from biometrics.report.exports import (
    CURVES_FILE,
    curve_files,
    curve_tables,
    tensorboard_scalars,
)
from tests.biometrics.cases import HAND_LABELS, HAND_MATRIX, random_faces

OPEN_SET = {"threshold": [0.1, 0.2], "fpir": [0.0, 0.5], "fnir": [0.75, 0.25]}


@pytest.fixture(scope="module")
def pairs():
    return score_pairs(*random_faces())


@pytest.fixture(scope="module")
def tables(pairs):
    return curve_tables(
        compute_curves(pairs),
        {"open_set": {"open_set": OPEN_SET}, "closed_set": {"cmc": {"rank": [1], "rate": [0.5]}}},
        {"distance": [0.0, 1.0], "llr": [4.0, -4.0]},
    )


def columns_of(content):
    head, *rows = csv.reader(io.StringIO(content.decode()))
    return dict(zip(head, zip(*rows, strict=True), strict=True))


def test_every_table_is_a_csv_file_with_named_columns(tables):
    files = curve_files(tables)
    heads = {name: list(columns_of(files[name])) for name in set(files) - {CURVES_FILE}}
    assert heads == {
        "roc.csv": ["threshold", "FAR", "FRR", "TAR"],
        "cmc.csv": ["rank", "rate"],
        "scores.csv": ["low", "high", "genuine", "impostor"],
        "open_set.csv": ["threshold", "fpir", "fnir"],
        "closed_set_cmc.csv": ["rank", "rate"],
        "calibration.csv": ["distance", "llr"],
    }


def test_the_roc_of_the_hand_worked_case():
    curves = compute_curves(score_pairs(None, HAND_LABELS, HAND_MATRIX))
    files = curve_files(curve_tables(curves))
    assert files["roc.csv"].decode().splitlines()[:4] == [
        "threshold,FAR,FRR,TAR",
        "0.1,0.0,0.75,0.25",
        "0.2,0.0,0.5,0.5",
        "0.3,0.16666666666666666,0.5,0.5",
    ]
    assert files["cmc.csv"].decode().startswith("rank,rate\n1,")


def test_csv_and_npz_read_back_the_same_values_exactly(pairs, tables):
    files = curve_files(tables)
    packed = np.load(io.BytesIO(files[CURVES_FILE]))
    for table, columns in tables.items():
        texts = columns_of(files[f"{table}.csv"])
        for name, values in columns.items():
            np.testing.assert_array_equal(packed[f"{table}/{name}"], values)
            np.testing.assert_array_equal(np.array(texts[name]).astype(values.dtype), values)
    far, frr = error_rates(pairs, packed["roc/threshold"])
    np.testing.assert_array_equal(packed["roc/FAR"], far)
    np.testing.assert_array_equal(packed["roc/TAR"], 1 - frr)


def test_the_same_tables_give_the_same_bytes(tables):
    assert curve_files(tables) == curve_files(tables)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b", "<script>", "..", "x" * 1000, "ä/ö"])
def test_a_protocols_name_cannot_lead_out_of_the_folder(pairs, name):
    tables = curve_tables(compute_curves(pairs), {name: {name: OPEN_SET}})
    files = curve_files(tables)
    assert len(files) == 5
    for file in files:
        assert PurePath(file).name == file
        assert len(file) < 100
        assert not file.startswith(".")


def test_a_protocols_name_cannot_replace_the_roc(pairs):
    tables = curve_tables(compute_curves(pairs), {"roc": {"roc": OPEN_SET}})
    assert set(tables["roc"]) == {"threshold", "FAR", "FRR", "TAR"}


METRICS = {
    "EER": 0.1,
    "TAR@FAR=1e-03": 0.9,
    "Rank-1 (one enrolled)": 0.8,
    "counts": {"images": 3},
    "intervals": {"EER": [0.0, 0.2]},
    "baselines": {"raw pixels": {"EER": 0.4}},
    "protocols": {
        "open_set": {"figures": {"FNIR@FPIR=1e-02": 0.3, "Rank-1": float("nan")}, "counts": {}}
    },
    "thresholds": [
        {
            "name": "FAR=1e-02",
            "threshold": 0.4,
            "dev": {"FAR": 0.01, "FRR": 0.2},
            "test": {"FAR": 0.02, "FRR": 0.3, "genuine_pairs": 10},
        }
    ],
}


def test_scalars_are_the_figures_of_the_set_the_protocols_and_the_thresholds():
    assert tensorboard_scalars(METRICS) == {
        "test/EER": 0.1,
        "test/TAR at FAR 1e-03": 0.9,
        "test/Rank-1 one enrolled": 0.8,
        "test/open_set/FNIR at FPIR 1e-02": 0.3,
        "test/at FAR 1e-02/FAR": 0.02,
        "test/at FAR 1e-02/FRR": 0.3,
        "test/at FAR 1e-02/threshold": 0.4,
    }


def test_metrics_of_an_older_run_give_what_they_have():
    assert tensorboard_scalars({"EER": 0.1}) == {"test/EER": 0.1}


@pytest.mark.parametrize("name", ["..", "a//b", "/x", "<script>", "é" * 500, " ", "a\nb"])
def test_mlflow_takes_every_tag_whatever_the_names(name):
    validation = pytest.importorskip("mlflow.utils.validation")
    metrics = METRICS | {
        "protocols": {name: {"figures": {name: 0.5}}},
        "thresholds": [METRICS["thresholds"][0] | {"name": name}],
    }
    tags = tensorboard_scalars(metrics)
    assert len(tags) == 3 + 1 + 3
    for tag in tags:
        validation._validate_metric_name(tag)
        assert len(tag) <= 250
