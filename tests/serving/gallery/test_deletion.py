"""Who is removed is gone: nothing of them is in any file, whatever went before."""

import random
import sqlite3

import numpy as np
import pytest

from serving.gallery import upgrade as upgrade_module
from serving.gallery.crops import KeptImage
from serving.gallery.gallery import Gallery
from serving.gallery.policy import REASONS, EnrolPolicy
from serving.gallery.sealing import PAGE
from serving.gallery.upgrade import Upgrade
from tests.serving.gallery.drawn import NEW, PixelModel, enrol, identity, seen

# What all such PNGs have at either end, whatever they show.
PNG_ENDS = 49

ALL = EnrolPolicy(REASONS)


def secrets_of(name, images):
    """The bytes of a person that must not be left: of names, embeddings and crops."""
    crops = [KeptImage.of(image, "").png[PNG_ENDS:-PNG_ENDS] for image in images]
    vectors = [image.embedding.tobytes() for image in images]
    return [name.encode(), *(image.name.encode() for image in images), *vectors, *crops]


def left_of(secrets, folder):
    """The pieces of 8 bytes of the secrets that a file of the folder has.

    Sixteen consecutive bytes of a secret, wherever they begin, hold such a piece whole.
    """
    pieces = {
        secret[start : start + 8] for secret in secrets for start in range(0, len(secret) - 7, 8)
    } - {bytes(8)}
    wanted = np.array(sorted(int.from_bytes(piece, "little") for piece in pieces), np.uint64)
    found = set()
    for file in folder.iterdir():
        data = file.read_bytes()
        for shift in range(8):
            words = np.frombuffer(data, "<u8", (len(data) - shift) // 8, shift)
            found |= set(words[np.isin(words, wanted)].tolist())
    return [piece for piece in pieces if int.from_bytes(piece, "little") in found]


def enrol_anybody(gallery, number):
    rng = random.Random(number)
    name = rng.randbytes(rng.choice([10, 60])).hex()
    images = [
        seen(number, shot, name=rng.randbytes(rng.choice([8, 200])).hex())
        for shot in range(rng.randint(1, 3))
    ]
    gallery.enrol(name, images, ALL)
    return name, secrets_of(name, images)


def test_what_is_looked_for_is_there_as_long_as_the_person_is(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        _, secrets = enrol_anybody(gallery, 1)
    pieces = {secret[:8] for secret in secrets}
    assert pieces <= set(left_of(secrets, tmp_path))


def test_a_removed_person_has_left_no_bytes_in_any_file(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        enrol(gallery, range(3))
        name, secrets = enrol_anybody(gallery, 9)
        enrol(gallery, range(3, 6))
        gallery.remove(name)
        assert left_of(secrets, tmp_path) == []  # while it is open, too
    assert left_of(secrets, tmp_path) == []
    assert [file.name for file in tmp_path.iterdir()] == ["g.db"]


def test_nothing_is_left_of_many_who_come_and_go(tmp_path):
    rng = random.Random(3)
    there, gone = {}, []
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        for number in range(90):
            if there and rng.random() < 0.45:
                name = rng.choice(sorted(there))
                gallery.remove(name)
                gone += there.pop(name)
            else:
                name, secrets = enrol_anybody(gallery, number)
                there[name] = secrets
    kept = b"".join(secret for secrets in there.values() for secret in secrets)
    assert len(gone) > 100
    assert [piece for piece in left_of(gone, tmp_path) if piece not in kept] == []


def test_nothing_is_left_of_who_is_removed_after_an_upgrade(tmp_path):
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        name, secrets = enrol_anybody(gallery, 1)
        other, others = enrol_anybody(gallery, 2)
        enrol(gallery, [7])
    level = PixelModel(level=100.0)
    for shot in range(3):
        for person in (1, 2):
            secrets.append(level.embed_pixels(seen(person, shot).pixels[np.newaxis]).tobytes())
    upgrade = Upgrade(tmp_path / "g.db", identity("b" * 64))
    upgrade.run(level)
    upgrade.close()
    with Gallery.open(tmp_path / "g.db") as gallery:
        gallery.remove(name)
        gallery.remove(other)
    assert left_of(secrets + others, tmp_path) == []


def test_nothing_is_left_of_who_is_removed_during_an_upgrade(tmp_path, monkeypatch):
    class Ends(PixelModel):
        """Embeds one image."""

        def embed_pixels(self, pixels):
            if len(secrets) > before:
                raise KeyboardInterrupt
            vectors = super().embed_pixels(pixels)
            secrets.extend(vector.tobytes() for vector in vectors)
            return vectors

    monkeypatch.setattr(upgrade_module, "BATCH", 1)
    with Gallery.open(tmp_path / "g.db", create_for=identity()) as gallery:
        name, secrets = enrol_anybody(gallery, 1)
        other, others = enrol_anybody(gallery, 2)
        before = len(secrets)
        upgrade = Upgrade(tmp_path / "g.db", NEW)
        with pytest.raises(KeyboardInterrupt):
            upgrade.run(Ends(level=100.0))
        upgrade.close()
        assert left_of(secrets[before:], tmp_path) != []
        gallery.remove(name)
        gallery.remove(other)
    assert left_of(secrets + others, tmp_path) == []


@pytest.mark.parametrize("seed", [1])
def test_secure_delete_alone_would_leave_some(tmp_path, seed):
    """Why `sealing` is there: names in plain columns, deleted with secure_delete on, are found."""
    rng = random.Random(seed)
    connection = sqlite3.connect(tmp_path / "plain.db", isolation_level=None)
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT UNIQUE)")
    there, gone = [], []
    for _ in range(3000):
        if there and rng.random() < 0.45:
            gone.append(there.pop(rng.randrange(len(there))))
            connection.execute("DELETE FROM person WHERE name = ?", (gone[-1],))
        else:
            there.append(f"{rng.getrandbits(320):080x}"[: rng.randint(20, 80)])
            connection.execute("INSERT INTO person (name) VALUES (?)", (there[-1],))
    connection.close()
    assert left_of([name.encode() for name in gone], tmp_path) != []
