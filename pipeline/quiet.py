"""A quiet terminal for the commands."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator


def quiet_libraries() -> None:
    """Silences what TensorFlow and TFX say while they load; none of it is for the user to mend.

    Called before they are imported, by a command that is a process of its own.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.ERROR)


@contextlib.contextmanager
def quiet_import() -> Iterator[None]:
    """Around an import, hides what native code writes to stderr; Python's errors are raised still.

    TensorFlow 2.21 writes a few lines at every import, whatever TF_CPP_MIN_LOG_LEVEL says.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
