"""The tables, from metrics.json."""

from biometrics.report.tables import operating_points, protocol_tables
from tests.biometrics.report.cases import EXTRA


def test_far_and_frr_at_the_sets_own_threshold_are_not_in_the_table_of_a_protocol():
    figures = {"FAR": 0.1, "FRR": 0.1, "EER": 0.1, "EER_threshold": 0.4}
    (table,) = protocol_tables({"templates": {"figures": figures}})
    assert [key for key, *_ in table.rows] == ["EER", "EER_threshold"]


def test_the_rates_of_a_point_are_those_of_dev_first_then_of_test():
    (point,) = operating_points(EXTRA)
    assert [rate.errors for rate in point.rates] == [10, 31, 29, 52]
