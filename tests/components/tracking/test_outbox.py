"""What a store has not taken, in a folder."""

import pytest

from components.tracking import outbox
from components.tracking.client import Point, Start
from components.tracking.outbox import ITEMS_FILE, Item, Outbox, outboxes_below
from components.tracking.run import TrackedRun
from components.tracking.tracker import Tracker
from groundfloor.errors import UserError

RUN = TrackedRun("http://mlflow.example", "faces", key="k1")
LOST = TrackedRun("http://mlflow.example", "faces", failure="it was away", key="k1")


@pytest.fixture
def box(tmp_path):
    box = Outbox(tmp_path, RUN, outbox.TRAINING)
    box.open(RUN, Start(5, "file:///a", "me", {"t": "1"}))
    return box


def test_what_is_added_is_read_in_its_order(box, tmp_path):
    box.add(outbox.PARAMS, params={"seed": "1"})
    box.add(outbox.POINTS, points=[Point("loss", 0.1, 1700000000123, 1)])
    box.add(outbox.POINTS, points=[Point("loss", float("inf"), 1700000000124, 2)])
    (kept,) = outboxes_below(tmp_path)
    assert (kept.run, kept.step) == (RUN, outbox.TRAINING)
    assert kept.run.key == "k1"
    assert kept.start == Start(5, "file:///a", "me", {"t": "1"})
    assert kept.items[0] == Item(outbox.PARAMS, {"params": {"seed": "1"}})
    assert kept.points() == [
        Point("loss", 0.1, 1700000000123, 1),
        Point("loss", float("inf"), 1700000000124, 2),
    ]


def test_the_half_line_of_a_killed_writer_is_left_out_and_said(box, tmp_path, caplog):
    box.add(outbox.PARAMS, params={})
    with (box.folder / ITEMS_FILE).open("a") as file:
        file.write('{"kind": "poi')
    (kept,) = outboxes_below(tmp_path)
    assert [item.kind for item in kept.items] == [outbox.PARAMS]
    assert "ends in the middle of a line" in caplog.text


@pytest.mark.parametrize("text", ["{}\n", "no JSON\n", '{"kind": "run", "content": {}}\n', ""])
def test_a_file_of_something_else_is_named(box, tmp_path, text):
    (box.folder / ITEMS_FILE).write_text(text)
    with pytest.raises(UserError, match=r"items\.jsonl is not what a training has left"):
        outboxes_below(tmp_path)


def test_a_training_comes_first_and_the_others_in_the_order_in_which_they_were_begun(tmp_path):
    for time, step in [(30, outbox.PUSH), (30, outbox.TRAINING), (20, outbox.EVALUATION)]:
        Outbox(tmp_path, RUN, step).open(RUN, Start(time))
    steps = [kept.step for kept in outboxes_below(tmp_path)]
    assert steps == [outbox.TRAINING, outbox.EVALUATION, outbox.PUSH]


def test_points_are_on_the_disk_as_soon_as_they_are_logged(tmp_path):
    tracker = Tracker(LOST, unsent=Outbox(tmp_path, LOST, outbox.TRAINING))
    for step in (1, 2):
        tracker.log_metrics({"loss": 1.0}, step)
        (kept,) = outboxes_below(tmp_path)
        assert [point.step for point in kept.points()] == list(range(1, step + 1))


def test_a_disk_that_takes_nothing_costs_a_warning_and_no_training(tmp_path, caplog):
    (tmp_path / outbox.OUTBOX).write_text("in the way")
    tracker = Tracker(LOST, unsent=Outbox(tmp_path, LOST, outbox.TRAINING))
    tracker.log_metrics({"loss": 1.0}, step=1)
    tracker.log_text("text", "name")
    assert caplog.text.count("what MLflow has not taken could not be kept") == 1


def test_a_store_that_takes_everything_leaves_no_folder(tmp_path):
    run = TrackedRun(f"sqlite:///{tmp_path}/mlflow.db", "faces")
    tracker = Tracker(run, unsent=Outbox(tmp_path, run, outbox.TRAINING))
    tracker.start({"seed": 1}, (tmp_path / "artifacts").as_uri())
    tracker.log_metrics({"loss": 1.0}, step=1)
    tracker.finish(succeeded=True)
    assert tracker.run.failure == ""
    assert not (tmp_path / outbox.OUTBOX).exists()
