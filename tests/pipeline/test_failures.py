"""What a failure of some library says to the user."""

import errno
import sqlite3

import pytest
import tensorflow as tf

from groundfloor.errors import UserError
from pipeline.failures import user_error


def raised(error, cause=None):
    """An error as it arrives: raised, perhaps from another."""
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def while_handling(first, second):
    """An error that was raised while another was handled, as in a clean-up."""
    try:
        try:
            raise first
        finally:
            raise second
    except type(second) as caught:
        return caught


FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    RuntimeError("OSError: [Errno 28] No space left on device [while running 'Write/ParDo']"),
    tf.errors.ResourceExhaustedError(None, None, "a.tfrecord; No space left on device"),
    sqlite3.OperationalError("database or disk is full"),
    RuntimeError("Error when executing query: database or disk is full query: INSERT INTO"),
    OSError("Can't synchronously write data (errno = 28, message = 'No space left on device')"),
    ExceptionGroup("two threads", [ValueError("x"), OSError(errno.ENOSPC, "No space left")]),
]


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda error: error,
        lambda error: raised(RuntimeError("the bundle failed"), error),
        lambda error: while_handling(error, ValueError("cannot publish")),
        lambda error: raised(UserError("cannot write to /runs"), error),
    ],
    ids=["bare", "wrapped", "covered up", "said in part"],
)
def test_a_full_disk_is_one_message_wherever_it_was_noticed(error, wrap, tmp_path):
    message = str(user_error(wrap(error), [tmp_path]))
    assert message.startswith("the disk is full. Free some of it and run again")
    assert f"{tmp_path} " in message


def test_an_error_of_the_user_stays_what_it_says(tmp_path):
    inner = UserError("no images in /faces")
    assert user_error(inner, [tmp_path]) is inner
    assert user_error(raised(RuntimeError("the node failed"), inner), [tmp_path]) is inner


@pytest.mark.parametrize("words", ["database is locked", "database table is locked: Artifact"])
def test_a_store_that_another_program_holds_is_said_so(words, tmp_path):
    message = str(user_error(RuntimeError(f"Error when executing query: {words}"), [tmp_path]))
    assert message.startswith("another program holds metadata.db or mlflow.db")


def test_anything_else_is_not_the_users(tmp_path):
    assert user_error(ValueError("shapes (3,) and (4,) not aligned"), [tmp_path]) is None
    assert user_error(OSError(errno.EIO, "Input/output error"), [tmp_path]) is None


def test_errors_that_go_round_in_circles_end(tmp_path):
    first, second = ValueError("a"), ValueError("b")
    first.__context__, second.__context__ = second, first
    assert user_error(first, [tmp_path]) is None


def test_a_place_that_is_gone_is_left_out(tmp_path):
    message = str(user_error(FULL[0], [tmp_path / "nowhere", tmp_path]))
    assert "nowhere" not in message
