"""Progress of the work inside a node, for whoever watches the run.

Executors tell how far they are; the runner may listen and draw it. Work that Beam moves to another
process is not seen here, which costs the display and nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


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
