"""One listing of a source for a whole run, whoever asks for it."""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from faces.record import Listing

_lock = threading.RLock()
# One for each scope that is open; all of them use the first.
_scopes: list[dict[Hashable, Listing]] = []


@contextmanager
def listed_once() -> Iterator[None]:
    """Within it, in this process, a source that was listed is not listed again.

    A run judges its images before it starts, digests them to see whether the cache holds, and reads
    them: all three go by one listing, so that they are of the same images, and a disk or a server
    with millions of files is walked through once. What is added meanwhile is left to the next run.
    Contents are not remembered: a file that has changed or gone is noticed when it is read.

    A listing is kept until the outermost scope ends, about 150 bytes an image.
    """
    with _lock:
        _scopes.append({})
    try:
        yield
    finally:
        with _lock:
            _scopes.pop()


def once(source: Hashable, list_source: Callable[[], Listing]) -> Listing:
    """The listing that a scope of `listed_once` remembers; outside of one, a new listing.

    Args:
      source: what tells the source from all others, its options among it.
      list_source: lists it. Others who ask for a listing meanwhile wait for this one.
    """
    with _lock:
        if _scopes:
            listings = _scopes[0]
            if source not in listings:
                listings[source] = list_source()
            return listings[source]
    return list_source()
