"""Signals that ask a training to end, put off until it stands between two steps."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interruption:
    """Whether the training was asked to end, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def ask(self, number: int, _: object = None) -> None:
        """Remembers a signal: a handler for `signal.signal`."""
        self.signal = number


@contextmanager
def signals_put_off() -> Iterator[Interruption]:
    """Puts off the signals that end a process, and raises them anew for whoever handles them.

    A signal that is ignored, as by nohup, stays so. In a thread, which gets no signals, nothing is
    put off.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    former = {number: signal.getsignal(number) for number in _SIGNALS}
    handled = [number for number in _SIGNALS if former[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, interruption.ask)
    try:
        yield interruption
    finally:
        for number in handled:
            signal.signal(number, former[number])
        if interruption.signal is not None:
            os.kill(os.getpid(), interruption.signal)
