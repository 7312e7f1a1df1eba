"""Ending a run early: by Ctrl-C, by whoever manages the machine, or because its terminal went."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import psutil

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Seconds that a child is given to end by itself.
_GRACE = 3.0


class Stopped(BaseException):
    """The run was asked to stop. Not an `Exception`: no library is to handle it as a failure.

    Args:
      signum: of the signal.
      left: what becomes of the work that was done.
    """

    def __init__(self, signum: int, left: str):
        super().__init__(f"stopped by {signal.Signals(signum).name}; {left}")
        self.exit_code = 128 + signum


@contextmanager
def stopping_on_signals(
    left: str = "what is finished is kept for the next run",
) -> Iterator[None]:
    """Raises `Stopped` in the main thread at the first signal; a second one ends the process.

    A signal that is ignored, as by nohup, stays so.

    Args:
      left: what becomes of the work that was done, for the message.
    """
    former = {number: signal.getsignal(number) for number in _SIGNALS}

    def stop(signum: int, _: FrameType | None) -> None:
        for number in handled:
            signal.signal(number, _end_at_once)
        raise Stopped(signum, left)

    handled = [number for number in _SIGNALS if former[number] != signal.SIG_IGN]
    for number in handled:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, former[number])


def end_now(exit_code: int) -> NoReturn:
    """Ends the process and its children without waiting for its other threads."""
    _end_children()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(exit_code)


def _end_at_once(signum: int, _: FrameType | None) -> None:
    _end_children()
    os._exit(128 + signum)


def _end_children() -> None:
    children = psutil.Process().children(recursive=True)
    _each(children, psutil.Process.terminate)
    _, alive = psutil.wait_procs(children, timeout=_GRACE)
    _each(alive, psutil.Process.kill)


def _each(processes: list[psutil.Process], end: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            end(process)
