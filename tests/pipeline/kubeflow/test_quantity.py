"""Kubernetes quantities."""

import pytest

from pipeline.kubeflow.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"), [("2", 2), ("500m", 0.5), ("1Ki", 1024), ("1.5G", 1.5e9)]
)
def test_quantities_are_read_as_kubernetes_reads_them(text, value):
    assert parse_quantity(text) == pytest.approx(value)
