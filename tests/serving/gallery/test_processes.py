"""Several processes at one gallery, and processes that are killed."""

import subprocess
import sys
import threading

import pytest

from groundfloor.errors import UserError
from serving.gallery import database
from serving.gallery.database import Database
from serving.gallery.gallery import Gallery
from tests import ROOT
from tests.serving.gallery.drawn import enrol, identity, seen


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.serving.gallery.killed", *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def names_in(path):
    with Gallery.open(path) as gallery:
        return {person.name for person in gallery.people()}


def test_who_was_acknowledged_is_there_after_a_kill(tmp_path):
    path = tmp_path / "g.db"
    process = start("enrol", path)
    acknowledged = [process.stdout.readline().strip() for _ in range(8)]
    process.kill()
    acknowledged += process.stdout.read().split()
    process.wait()
    assert process.returncode < 0
    assert set(acknowledged) <= names_in(path)
    with Gallery.open(path) as gallery:
        assert gallery.identify(seen(3, 5).embedding).person == "p3"


def test_two_processes_enrol_at_once_and_nobody_is_lost(tmp_path):
    path = tmp_path / "g.db"
    both = [start("enrol", path, first) for first in (0, 5000)]
    said = [[process.stdout.readline().strip() for _ in range(8)] for process in both]
    # While they write, it is read.
    with Gallery.open(path) as gallery:
        assert gallery.identify(seen(0, 5).embedding).person == "p0"
        for process in both:
            process.kill()
        said += [process.stdout.read().split() for process in both]
        for process in both:
            process.wait()
        names = {name for each in said for name in each}
        assert {"p0", "p5000"} <= names <= {person.name for person in gallery.people()}


@pytest.mark.parametrize(("number", "is_there"), [(1, True), (2, False)])
def test_a_removal_is_done_or_it_is_not(tmp_path, number, is_there):
    path = tmp_path / "g.db"
    with Gallery.open(path, create_for=identity()) as gallery:
        enrol(gallery, range(3))
    process = start("remove", path, number)
    said = process.communicate()[0]
    assert ("person-001" in names_in(path)) == is_there == (said == "")
    # What the kill has left of a journal goes with the next change.
    with Gallery.open(path) as gallery:
        gallery.remove("person-002")
    assert [file.name for file in tmp_path.iterdir()] == ["g.db"]


def test_a_reader_reads_while_somebody_writes(tmp_path):
    path = tmp_path / "g.db"
    with Gallery.open(path, create_for=identity()) as gallery:
        enrol(gallery, range(3))
        writer = Database(path)
        with writer.writing():
            writer.change("DELETE FROM person")
            assert gallery.identify(seen(1, 5).embedding).person == "person-001"
        assert gallery.people() == []
        writer.close()


def test_who_waits_too_long_for_a_writer_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "WAIT_SECONDS", 0.05)
    path = tmp_path / "g.db"
    with Gallery.open(path, create_for=identity()) as gallery:
        writer = Database(path)
        with (
            writer.writing(),
            pytest.raises(UserError, match="another process has been writing to it for"),
        ):
            gallery.enrol("anybody", [seen(1, 1)])
        writer.close()
        gallery.enrol("anybody", [seen(1, 1)])


def test_many_threads_use_one_gallery(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        enrol(gallery, range(4))
        wrong = []

        def work(first):
            for person in range(first, first + 5):
                gallery.enrol(f"more-{person}", [seen(person, 0)])
                found = gallery.identify(seen(2, 7).embedding).person
                own = gallery.identify(seen(person, 9).embedding).person
                if (found, own) != ("person-002", f"more-{person}"):
                    wrong.append((person, found, own))
                gallery.remove(f"more-{person}")

        threads = [threading.Thread(target=work, args=(100 * number,)) for number in (1, 2, 3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(gallery.people()) == 4
