"""A home folder and a name for the user, where the machine knows neither.

A container may run under a number that no passwd file has, and without HOME. Libraries that only
want to keep a cache then fail while they are imported.
"""

import atexit
import getpass
import os
import shutil
import tempfile


def ensure_account() -> None:
    """Sets HOME, to a folder that lasts as long as the process, and LOGNAME where they are missing.

    Called before heavy libraries are imported.
    """
    if os.environ.get("HOME") == "" or not os.path.isabs(os.path.expanduser("~")):
        home = tempfile.mkdtemp(prefix="home-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ["HOME"] = home
    try:
        getpass.getuser()
    except (KeyError, OSError):  # as of Python 3.13, an OSError
        os.environ["LOGNAME"] = f"user-{os.getuid()}"
