"""Fixtures of the report's tests."""

from dataclasses import replace

import numpy as np
import pytest

from biometrics.gate import Blessing
from biometrics.report import plots
from biometrics.report.data import ReportData
from biometrics.report.page import render_report
from tests.biometrics.report.cases import EXTRA, PROTOCOL_CURVES, evaluated, image_pair


@pytest.fixture(scope="session")
def data():
    model = evaluated(spread=0.8)
    return ReportData(
        title="A run",
        metrics=model.metrics,
        curves=model.curves,
        comparisons={"raw pixels": evaluated(1.5), "eigenfaces": evaluated(1.2)},
        blessing=Blessing(False, ("EER is 0.2 and fails: at most 0.1 is required.",)),
        false_accepts=[image_pair(0.1)],
        false_rejects=[image_pair(1.5, ("anna", "anna"))],
        distance="cosine",
        configuration={"data": {"seed": 42, "input_dir": None}, "evaluation": {"ranks": [1, 5]}},
        credit="Faces by a laboratory.",
        provenance={"Model": "3f9c1e07"},
    )


@pytest.fixture(scope="session")
def html(data):
    return render_report(data)


@pytest.fixture(scope="session")
def full(data):
    """A report with every section."""
    return replace(
        data,
        metrics=dict(data.metrics) | EXTRA,
        protocol_curves=PROTOCOL_CURVES,
        calibration={"distance": [0.1, 0.5, 1.0], "llr": [3.0, 0.0, -np.inf]},
    )


@pytest.fixture
def undrawn(monkeypatch):
    """Leaves out the drawing, which takes most of the time, where a test looks at words alone."""
    monkeypatch.setattr(plots, "_address", lambda figure: "data:image/svg+xml;base64,")


@pytest.fixture
def figures(monkeypatch):
    """Has the plots return their matplotlib figures."""
    monkeypatch.setattr(plots, "_address", lambda figure: figure)
