"""Progress of the work inside a node, for whoever watches the run.

Executors tell how far they are; the runner may listen and draw it. Work that Beam moves to another
process is not seen here, which costs the display and nothing else.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Seconds of work before it is said how long the rest takes: less may be chance.
_TIMED = 1.0


@dataclass(frozen=True)
class Progress:
    """A step of work done.

    Attributes:
      unit: what is counted, such as "images".
      done: how many more are done.
      total: how many there are to do in all, where it is known.
      note: a few words on the latest one, such as "val_loss 1.2".
    """

    unit: str
    done: int
    total: int | None = None
    note: str = ""


Listener = Callable[[Progress], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Calls `listener` at every advance from now on."""
    _listeners.append(listener)


def unlisten(listener: Listener) -> None:
    """Undoes `listen`."""
    _listeners.remove(listener)


@contextmanager
def silenced() -> Iterator[None]:
    """Tells the listeners nothing of the work inside: it goes over what has been counted before."""
    heard = _listeners[:]
    _listeners.clear()
    try:
        yield
    finally:
        _listeners.extend(heard)


def advance(unit: str, done: int, total: int | None = None, note: str = "") -> None:
    """Tells the listeners that `done` more units are finished, of `total` where it is known."""
    for listener in _listeners:
        listener(Progress(unit, done, total, note))


class Pace:
    """Says how long a piece of work still takes, by how long it has taken so far.

    It may be made and asked by any threads, one at a time.

    Args:
      total: units to do in all, from now on.
      clock: gives seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic):
        self._total = total
        self._clock = clock
        self._started = clock()
        self._done = 0

    def note(self, done: int) -> str:
        """A note for `advance`, once `done` more units are finished.

        Such as `12 %, about 3 min left`; nothing in the first second, which says little, nor where
        all is done.
        """
        self._done += done
        taken = self._clock() - self._started
        if taken < _TIMED or self._done >= self._total:
            return ""
        left = taken / self._done * (self._total - self._done)
        return f"{self._done / self._total:.0%}, about {duration(left)} left".replace("%", " %", 1)


def duration(seconds: float) -> str:
    """A time in words, in one unit: `40 s`, `3 min`, `12 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
