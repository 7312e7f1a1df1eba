"""Keeps a secret out of the log, where a library prints all that it was given."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from absl import logging as absl_logging
from google.protobuf import text_encoding

from groundfloor.credentials import HIDDEN


@contextmanager
def hidden_in_logs(secret: str) -> Iterator[None]:
    """Replaces a secret in what absl's logger, which is TFX's, is given to write meanwhile.

    Args:
      secret: as it is; it is also found as messages of protobuf print it. Empty: there is none.
    """
    hiding = _Hiding(secret)
    logger = absl_logging.get_absl_logger()
    logger.addFilter(hiding)
    try:
        yield
    finally:
        logger.removeFilter(hiding)


class _Hiding(logging.Filter):
    def __init__(self, secret: str):
        super().__init__()
        encoded = secret.encode()
        printed = {text_encoding.CEscape(encoded, as_utf8=as_utf8) for as_utf8 in (True, False)}
        self._forms = sorted({secret, *printed} - {""}, key=len, reverse=True)

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        if text != record.getMessage():
            record.msg, record.args = text, ()
        return True
