"""What is found of one topic."""

from dataclasses import dataclass
from typing import Final, Literal

OK: Final = "ok"
NOTE: Final = "note"
LACKS: Final = "lacks"


@dataclass(frozen=True)
class Diagnosis:
    """What this machine gives of one thing.

    Attributes:
      topic: a word, such as "memory".
      state: `ok`; `note` where a run goes on without; `lacks` where none can start.
      text: what was found, without credentials.
      remedy: what to do about it; empty where all is well.
    """

    topic: str
    state: Literal["ok", "note", "lacks"]
    text: str
    remedy: str = ""
