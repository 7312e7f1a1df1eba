"""How often each client may ask: a token bucket for each."""

import time
from collections import OrderedDict
from collections.abc import Callable

# Clients that are remembered; who was quiet for longest is forgotten first, with a full bucket.
_MAX_CLIENTS = 10_000


class RateLimit:
    """Lets each client ask `rate` times a second, and `burst` times at once after a pause.

    Args:
      rate: requests a second; 0: no limit.
      burst: 1 or more.
      clock: seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic):
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Counts a request; 0.0 where it may go on, else the seconds until the next one may."""
        if not self._rate:
            return 0.0
        now = self._clock()
        left, then = self._clients.pop(client, (float(self._burst), now))
        left = min(float(self._burst), left + (now - then) * self._rate)
        allowed = left >= 1
        self._clients[client] = (left - allowed, now)
        if len(self._clients) > _MAX_CLIENTS:
            self._clients.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._rate
