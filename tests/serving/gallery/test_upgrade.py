"""Another model for a gallery: who serves meanwhile, what is kept, and what a kill leaves."""

import subprocess
import sys

import numpy as np
import pytest

from groundfloor.errors import UserError
from serving.gallery import upgrade as upgrade_module
from serving.gallery.gallery import Gallery
from serving.gallery.records import Person
from serving.gallery.upgrade import Upgrade
from tests import ROOT
from tests.serving.gallery.drawn import NEW, PixelModel, enrol, identity, seen

LEVEL = PixelModel(level=100.0)
PEOPLE = 5


@pytest.fixture
def path(tmp_path):
    """A gallery of five people with two images each, of which three make a batch."""
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        enrol(gallery, range(PEOPLE))
    return tmp_path / "g.db"


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(upgrade_module, "BATCH", 3)


class Interrupted(PixelModel):
    """Does something at each batch."""

    def __init__(self, act):
        super().__init__(level=100.0)
        self.act, self.batches = act, 0

    def embed_pixels(self, pixels):
        self.batches += 1
        self.act(self.batches)
        return super().embed_pixels(pixels)


def run(path, model=LEVEL, to=NEW):
    upgrade = Upgrade(path, to)
    try:
        return upgrade.run(model)
    finally:
        upgrade.close()


def check_whole(path, model, people=PEOPLE):
    """Everybody is found by the model, with the very embeddings that it gives."""
    with Gallery.open(path, for_model=NEW if model is LEVEL else identity()) as gallery:
        for person in range(people):
            image = seen(person, 0, model)
            (found,) = gallery.search([image.embedding], 1)
            assert (found[0].person, found[0].distance) == (f"person-{person:03d}", 0.0)
        assert [one.searchable for one in gallery.people()] == [2] * people


def test_everybody_is_found_by_the_new_model_and_the_old_one_is_gone(path):
    before = path.stat().st_size
    assert run(path) == []
    check_whole(path, LEVEL)
    assert path.stat().st_size <= 2 * before
    with pytest.raises(UserError, match="give the model that it is of"):
        Gallery.open(path, for_model=identity())


def test_its_plan_changes_nothing_and_says_that_images_are_faithful(path):
    before = path.read_bytes()
    upgrade = Upgrade(path, NEW)
    plan = upgrade.plan()
    upgrade.close()
    assert path.read_bytes() == before
    assert (plan.images, plan.embedded, plan.is_faithful) == (10, 0, True)
    assert plan.thresholds == (0.6, 0.6)


def test_the_far_of_a_gallery_stays(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity(), far=0.01) as gallery:
        enrol(gallery, range(2))
    run(tmp_path / "g.db")
    with Gallery.open(tmp_path / "g.db") as gallery:
        assert gallery.identify(seen(1, 9, LEVEL).embedding).point == "FAR=1e-02"


def test_a_model_without_a_threshold_of_the_far_is_refused(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity(), far=0.01) as gallery:
        enrol(gallery, range(2))
    upgrade = Upgrade(tmp_path / "g.db", identity("b" * 64, missing="too few people"))
    with pytest.raises(UserError, match="this model has no threshold: too few people"):
        upgrade.plan()
    upgrade.close()


def test_the_model_that_it_is_of_already_is_refused(path):
    with pytest.raises(UserError, match="is of this model already"):
        run(path, to=identity())


def test_the_former_model_serves_until_all_are_embedded(path):
    answers = []
    with Gallery.open(path, for_model=identity()) as former:
        run(
            path,
            Interrupted(lambda _: answers.append(former.identify(seen(4, 9).embedding).person)),
        )
        assert answers == ["person-004"] * 4
        with pytest.raises(UserError, match=r"was upgraded to the model .* start it again"):
            former.identify(seen(4, 9).embedding)
        with pytest.raises(UserError, match="was upgraded to the model"):
            former.enrol("too late", [seen(9, 1)])


def test_who_is_enrolled_meanwhile_is_embedded_too(path):
    with Gallery.open(path, for_model=identity()) as former:
        run(path, Interrupted(lambda batch: batch == 4 and enrol(former, [PEOPLE])))
    check_whole(path, LEVEL, PEOPLE + 1)


def test_who_is_enrolled_when_all_seemed_to_be_embedded_is_embedded_too(path):
    class Late(Upgrade):
        """Finds nothing more, and a moment later there is somebody."""

        def _batch(self, number, last):
            found = super()._batch(number, last)
            if not found and not late:
                late.append(enrol(former, [PEOPLE]))
            return found

    late = []
    with Gallery.open(path, for_model=identity()) as former:
        upgrade = Late(path, NEW)
        assert upgrade.run(LEVEL) == []
        upgrade.close()
    check_whole(path, LEVEL, PEOPLE + 1)


def test_who_is_removed_meanwhile_stays_away(path):
    with Gallery.open(path, for_model=identity()) as former:
        run(path, Interrupted(lambda batch: batch == 2 and former.remove("person-001")))
    with Gallery.open(path) as gallery:
        assert "person-001" not in {person.name for person in gallery.people()}
        assert gallery.images == 8


@pytest.mark.parametrize("number", [2, 4, 7, 8, 9])
def test_killed_anywhere_one_model_serves_and_it_goes_on_where_it_stopped(path, number):
    child = "tests.serving.gallery.killed"
    code = (
        "import sys; from serving.gallery import upgrade; upgrade.BATCH = 3\n"
        f"from {child} import main; main('upgrade', sys.argv[1], sys.argv[2])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code, path, str(number)], cwd=ROOT, capture_output=True, check=False
    )
    with Gallery.open(path) as gallery:
        is_new = gallery.model.sha256 == NEW.sha256
    assert (process.stdout == b"done\n") == (process.returncode == 0)
    check_whole(path, LEVEL if is_new else PixelModel())
    if not is_new:
        counted = Interrupted(lambda _: None)
        run(path, counted)
        # Two transactions come before the batches.
        assert counted.batches == 4 - min(4, max(0, number - 3))
    check_whole(path, LEVEL)


def test_one_to_yet_another_model_gives_the_unfinished_one_up(path):
    with pytest.raises(ZeroDivisionError):
        run(path, Interrupted(lambda batch: 1 / (2 - batch)))
    other = identity("c" * 64)
    upgrade = Upgrade(path, other)
    plan = upgrade.plan()
    assert (plan.abandoned, plan.embedded) == (True, 0)
    assert upgrade.run(LEVEL) == []
    upgrade.close()
    with Gallery.open(path, for_model=other) as gallery:
        assert gallery.identify(seen(2, 9, LEVEL).embedding).person == "person-002"


def test_an_upgrade_that_another_takes_the_place_of_stops(path):
    def act(batch):
        if batch == 2:
            run(path, to=identity("c" * 64))

    with pytest.raises(UserError, match=r"another upgrade .* has taken the place of this one"):
        run(path, Interrupted(act))
    with Gallery.open(path, for_model=identity("c" * 64)) as gallery:
        assert gallery.images == 10


def test_crops_of_another_size_are_resized_and_it_is_said(path):
    large = PixelModel(level=100.0, side=32)
    to = identity("b" * 64, side=32)
    upgrade = Upgrade(path, to)
    plan = upgrade.plan()
    assert not plan.is_faithful
    assert {one.reason for one in plan.changed} == {"resized from 16x16x3 to 32x32x3"}
    assert (len(plan.changed), plan.lost) == (10, [])
    assert upgrade.run(large) == []
    upgrade.close()
    with Gallery.open(path, for_model=to) as gallery:
        assert [person.searchable for person in gallery.people()] == [2] * PEOPLE


def test_who_cannot_be_embedded_is_said_and_stays_enrolled(path):
    with Gallery.open(path) as gallery:
        gallery.enrol("aligned", [seen(8, 0, landmarks=range(10))])
    upgrade = Upgrade(path, NEW)
    plan = upgrade.plan()
    assert [(one.person, one.reason) for one in plan.lost] == [
        (
            "aligned",
            "it was aligned by landmarks, and the model's images are taken whole, resized by "
            "stretch",
        )
    ]
    lost = upgrade.run(LEVEL)
    upgrade.close()
    assert lost == plan.lost
    with Gallery.open(path) as gallery:
        assert Person("aligned", 1, 0) in gallery.people()
        assert gallery.images == 10
        gallery.enrol("aligned", [seen(8, 1, LEVEL)])
        assert Person("aligned", 2, 1) in gallery.people()


def test_an_image_that_the_new_model_cannot_embed_is_said(path):
    class Picky(PixelModel):
        def embed_pixels(self, pixels):
            vectors = super().embed_pixels(pixels)
            vectors[(pixels == seen(2, 1).pixels).all(axis=(1, 2, 3))] = np.nan
            return vectors

    lost = run(path, Picky(level=100.0))
    assert [(one.person, one.image) for one in lost] == [("person-002", "file-2-1.png")]
    with Gallery.open(path) as gallery:
        assert Person("person-002", 2, 1) in gallery.people()


def test_a_gallery_that_is_missing_is_named(tmp_path):
    with pytest.raises(UserError, match="there is no gallery"):
        Upgrade(tmp_path / "g.db", NEW)
