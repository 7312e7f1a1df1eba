"""Waiting for a server no longer than one wants to, whatever it does.

Time-outs of an HTTP client bound the silence between two bytes, not the call: a server that sends a
byte a second, redirects, or asks to come back in an hour gets round them.
"""

import threading
import time
from collections.abc import Callable
from typing import Any


class TooSlowError(Exception):
    """A call did not come back in the time that it was given; it may still be under way."""


class Call:
    """A call in a thread of its own, which ends with the process if it does not end before.

    Args:
      action: what to call.
    """

    def __init__(self, action: Callable[[], Any]):
        self._action = action
        self._ended = threading.Event()
        self._released = threading.Event()
        self._error: BaseException | None = None
        self._result: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it has come back, with a result or an error."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> float:
        """Waits until the call has ended, or has kept us waiting for so long.

        The time in which it computes, such as a model that is written to a file before it is sent,
        is not counted: no server is to blame for that.

        Returns:
          The seconds waited.
        """
        started = time.monotonic()
        computed = self._computed()
        waited = 0.0
        while not self._ended.wait(max(seconds - waited, 0.0)):
            # The thread is alive here, and its clock can be read.
            waited = time.monotonic() - started - (self._computed() - computed)
            if waited >= seconds:
                break
        return max(waited, time.monotonic() - started - (self._computed() - computed))

    def result(self) -> Any:
        """What the call gave.

        Raises:
          TooSlowError: it has not ended.
          Exception: whatever it raised.
        """
        self._released.set()
        if not self.ended:
            raise TooSlowError("no answer in the time that there was")
        if self._error:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._result = self._action()
        except BaseException as error:  # raised again in the thread that waits for it
            self._error = error
        self._ended.set()
        # The clock of a thread that is gone must not be read.
        self._released.wait()

    def _computed(self) -> float:
        """Processor time of the thread, in seconds."""
        thread = self._thread.ident
        if thread is None or self._released.is_set():
            return 0.0
        return time.clock_gettime(time.pthread_getcpuclockid(thread))


def call_within(seconds: float, action: Callable[[], Any]) -> Any:
    """Calls a function, and waits for it for no longer than so many seconds.

    Raises:
      TooSlowError: it has not ended by then.
      Exception: whatever it raises.
    """
    call = Call(action)
    call.wait(seconds)
    return call.result()
