"""One listing of a source for a whole run, whoever asks for it; and one answer to where it is."""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

_Found = TypeVar("_Found")

_lock = threading.RLock()
# One for each scope that is open; all of them use the first.
_scopes: list[dict[Hashable, Any]] = []


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


def once(what: Hashable, find: Callable[[], _Found]) -> _Found:
    """What a scope of `listed_once` remembers, such as a listing; outside of one, it is found anew.

    Args:
      what: what tells it from all others: of a listing, the source, its options among it.
      find: lists the source. Others who ask for something meanwhile wait for this.
    """
    with _lock:
        if _scopes:
            known = _scopes[0]
            if what not in known:
                known[what] = find()
            return known[what]
    return find()
