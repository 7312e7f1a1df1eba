"""Errors that the person who runs the pipeline can mend."""


class UserError(Exception):
    """Something the user gave is wrong; the message alone says what, and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """
