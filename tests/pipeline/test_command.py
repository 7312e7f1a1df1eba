"""What all commands share."""

import pytest

from groundfloor.errors import UserError
from pipeline.command import EXIT_FAILURE, EXIT_USER_ERROR, failing_with_one_message


class OutOfLuckError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError("a\x1b[31m b"), EXIT_USER_ERROR), (OutOfLuckError("c"), EXIT_FAILURE)],
)
def test_an_error_that_is_known_is_one_message_and_its_exit_code(capsys, error, code):
    with pytest.raises(SystemExit) as end, failing_with_one_message(OutOfLuckError):
        raise error
    assert end.value.code == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {error}\n".replace("\x1b", "\\x1b"))


def test_any_other_error_keeps_its_traceback():
    with pytest.raises(OutOfLuckError), failing_with_one_message():
        raise OutOfLuckError("c")


def test_what_ends_well_says_nothing(capsys):
    with failing_with_one_message(OutOfLuckError):
        pass
    assert capsys.readouterr() == ("", "")
