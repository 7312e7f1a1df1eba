"""Sorting on disk."""

from hypothesis import given
from hypothesis import strategies as st

from components.transform.spill import Spilled, read_ranges, write_run

RECORDS = st.lists(
    st.builds(Spilled, st.integers(0, 3), st.binary(min_size=1, max_size=4), st.binary(max_size=9))
)


@given(st.lists(RECORDS, max_size=4))
def test_each_shard_gets_its_records_in_their_order_whatever_the_runs(tmp_path_factory, runs):
    folder = str(tmp_path_factory.mktemp("spill"))
    written = [write_run(folder, run) for run in runs]
    everything = [spilled for run in runs for spilled in run]
    for shard in range(4):
        expected = sorted((s.order, s.record) for s in everything if s.shard == shard)
        ranges = [run[shard] for run in written if shard in run]
        assert read_ranges(ranges) == [record for _, record in expected]


def test_runs_of_the_same_records_do_not_overwrite_each_other(tmp_path):
    records = [Spilled(0, b"a", b"first"), Spilled(0, b"b", b"second")]
    first, again = (write_run(str(tmp_path), records)[0] for _ in range(2))
    assert first.path != again.path
    assert read_ranges([first]) == read_ranges([again]) == [b"first", b"second"]
