"""Works on a gallery in a process of its own, and is killed: WHAT FILE [N].

- `enrol`: enrols people one after the other, and prints the name of each that is acknowledged.
- `upgrade`: is killed at the N-th commit of an upgrade.
- `remove`: is killed at the commit of a removal, before or after it by N.
"""

import os
import signal
import sys
from pathlib import Path

from serving.gallery.database import Database
from serving.gallery.gallery import Gallery
from serving.gallery.upgrade import Upgrade
from tests.serving.gallery.drawn import NEW, PixelModel, identity, seen


def main(what, path, number="0"):
    {"enrol": _enrol, "upgrade": _upgrade, "remove": _remove}[what](path, int(number))


def _enrol(path, first):
    with Gallery.open(path, create_for=identity()) as gallery:
        for person in range(first, first + 1000):
            (done, *_) = gallery.enrol(f"p{person}", [seen(person, 0)])
            print(done.person if hasattr(done, "remarks") else "refused", flush=True)


def _upgrade(path, number):
    _die_at_transaction(number)
    Upgrade(Path(path), NEW).run(PixelModel(level=100.0))
    print("done", flush=True)


def _remove(path, number):
    with Gallery.open(path) as gallery:
        _die_at_transaction(number)
        gallery.remove("person-001")
        print("done", flush=True)


def _die_at_transaction(number):
    """Kills this process within the N-th writing transaction, before its commit."""
    writing, count = Database.writing, []

    def counted(database):
        count.append(1)
        return _Dying(writing(database), len(count) == number)

    Database.writing = counted


class _Dying:
    def __init__(self, transaction, dies):
        self._transaction, self._dies = transaction, dies

    def __enter__(self):
        return self._transaction.__enter__()

    def __exit__(self, *error):
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._transaction.__exit__(*error)


if __name__ == "__main__":
    main(*sys.argv[1:])
