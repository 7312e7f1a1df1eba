"""Which node LocalDagRunner is running, read from its log: TFX reports it in no other way."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

# The messages of TFX, before their arguments are filled in.
RUNNING = "Component %s is running."
CACHED = "A cached execution %d is used."
FINISHED = "Component %s is finished."


class NodeListener(logging.Handler):
    """Is called when a node of the pipeline starts, comes from the cache, or ends."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listens to the log of TFX."""
        logger = logging.getLogger("absl")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Called by the logger for each record of TFX."""
        if record.msg == RUNNING and isinstance(record.args, tuple):
            self.on_start(str(record.args[0]))
        elif record.msg == CACHED:
            self.on_cached()
        elif record.msg == FINISHED:
            self.on_finish()

    def on_start(self, node: str) -> None:
        """A node starts."""

    def on_cached(self) -> None:
        """The node that runs takes its result from the cache."""

    def on_finish(self) -> None:
        """The node that runs has ended, and its result is in the metadata store."""
