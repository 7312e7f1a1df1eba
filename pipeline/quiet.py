"""A quiet terminal for the commands."""

import logging
import os
import warnings


def quiet_libraries() -> None:
    """Silences what TensorFlow and TFX say while they load; none of it is for the user to mend.

    Called before they are imported, by a command that is a process of its own.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.ERROR)
