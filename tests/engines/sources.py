"""Sources that a worker imports: one that waits, and one that kills its reader."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from faces.record import Listing, Record, Source


@dataclass(frozen=True)
class WaitingSource:
    """Gives no image before a file is there; leaves another one when the first is asked for.

    Attributes:
      source: of the images.
      asked: is written when an image is asked for.
      gate: the file that it waits for.
    """

    source: Source
    asked: Path
    gate: Path

    def list(self) -> Listing:
        return self.source.list()

    def read(self, record: Record) -> bytes:
        self.asked.touch()
        while not self.gate.exists():
            time.sleep(0.05)
        return self.source.read(record)


@dataclass(frozen=True)
class DeadlySource:
    """Ends the process that reads a certain image, as a decoder that crashes does.

    Attributes:
      source: of the images.
      key: of the deadly one.
      tries: has a line for each process that it ended.
    """

    source: Source
    key: str
    tries: Path

    def list(self) -> Listing:
        return self.source.list()

    def read(self, record: Record) -> bytes:
        if record.key == self.key:
            with self.tries.open("a") as file:
                file.write("ended\n")
            os._exit(1)
        return self.source.read(record)
