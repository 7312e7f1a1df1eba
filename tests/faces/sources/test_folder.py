"""What counts as an image of somebody."""

import os

import pytest

from faces.record import Record
from faces.sources.folder import MAX_DEPTH, list_folder
from groundfloor.errors import UserError


def touch(root, *keys):
    for key in keys:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def keys_of(listing):
    return [record.key for record in listing.records]


def reasons_of(listing):
    return {record.key: reason for record, reason in listing.refused.items()}


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def test_files_at_any_depth_below_an_identity_are_its_images(tmp_path):
    touch(tmp_path, "ann/1.jpg", "ann/2019/summer/2.jpg", "bob/1.png")
    assert list_folder(tmp_path).records == [
        Record("ann/1.jpg", "ann"),
        Record("ann/2019/summer/2.jpg", "ann"),
        Record("bob/1.png", "bob"),
    ]


def test_dot_files_and_files_outside_of_identities_are_left_out(tmp_path):
    touch(tmp_path, "README", ".git/config", "ann/.DS_Store", "ann/.cache/1.jpg", "ann/1.jpg")
    assert keys_of(list_folder(tmp_path)) == ["ann/1.jpg"]
    assert reasons_of(list_folder(tmp_path)) == {}


@pytest.mark.parametrize(
    "name",
    [
        "Thumbs.db",
        "THUMBS.DB",
        "ehthumbs.db",
        "desktop.ini",
        "Desktop.ini",
        "._1.jpg",
        "1.jpg~",
        "Icon\r",
        "@eaDir/1.jpg",
        "__MACOSX/._1.jpg",
    ],
)
def test_what_operating_systems_leave_behind_is_no_image_and_no_quarantine_entry(tmp_path, name):
    touch(tmp_path, "ann/1.jpg", f"ann/{name}", f"{name}/1.jpg" if "/" not in name else name)
    listing = list_folder(tmp_path)
    assert (keys_of(listing), reasons_of(listing)) == (["ann/1.jpg"], {})


@pytest.mark.parametrize("name", ["$RECYCLE.BIN", "System Volume Information", "lost+found"])
def test_folders_of_a_disk_are_nobody(tmp_path, name):
    touch(tmp_path, "ann/1.jpg", f"{name}/1.jpg")
    listing = list_folder(tmp_path)
    assert (keys_of(listing), listing.empty) == (["ann/1.jpg"], [])


def test_other_files_beside_the_images_are_listed_so_that_the_quarantine_says_so(tmp_path):
    touch(tmp_path, "ann/1.jpg", "ann/1.txt", "ann/1.jpg.part", "ann/Thumbs.db.jpg")
    assert len(keys_of(list_folder(tmp_path))) == 4


@pytest.mark.parametrize("keys", [[], ["1.jpg"], ["ann/.hidden"]])
def test_a_folder_without_images_is_an_error(tmp_path, keys):
    touch(tmp_path, *keys)
    with pytest.raises(UserError, match=r"no images in .*expected <identity>/<image>"):
        keys_of(list_folder(tmp_path))


def test_a_missing_folder_and_a_file_are_errors(tmp_path):
    with pytest.raises(UserError, match="No such file or directory"):
        keys_of(list_folder(tmp_path / "nowhere"))
    touch(tmp_path, "file")
    with pytest.raises(UserError, match="Not a directory"):
        keys_of(list_folder(tmp_path / "file"))


def test_an_error_shows_odd_names_as_python_would(tmp_path):
    with pytest.raises(UserError, match=r"odd\\x1b\[31m\\n"):
        keys_of(list_folder(tmp_path / "odd\x1b[31m\n"))


def test_more_entries_than_any_folder_of_faces_has_are_an_error(tmp_path):
    touch(tmp_path, *(f"ann/{shot}.jpg" for shot in range(10)))
    with pytest.raises(UserError, match="more than 10 files and folders"):
        list_folder(tmp_path, max_entries=10)
    assert len(list_folder(tmp_path, max_entries=11).records) == 10


def test_a_folder_deeper_than_any_that_is_meant_is_refused_by_name(tmp_path):
    deep = "/".join(["ann", *["d"] * (MAX_DEPTH - 1)])
    touch(tmp_path, "ann/1.jpg", f"{deep}/2.jpg", f"{deep}/d/3.jpg")
    listing = list_folder(tmp_path)
    assert keys_of(listing) == ["ann/1.jpg", f"{deep}/2.jpg"]
    assert reasons_of(listing) == {f"{deep}/d": f"deeper than {MAX_DEPTH} folders"}


def test_a_person_whose_folder_holds_nothing_is_told(tmp_path):
    touch(tmp_path, "ann/1.jpg", "bob/Thumbs.db")
    (tmp_path / "eve/deep").mkdir(parents=True)
    listing = list_folder(tmp_path)
    assert listing.empty == ["bob", "eve"]
    assert listing.remarks() == ["people without an image: 2, such as 'bob'"]


def test_links_that_lead_up_give_nobody_the_images_of_others(tmp_path):
    for person in range(5):
        touch(tmp_path, *(f"s{person}/{shot}.jpg" for shot in range(10)))
    link(tmp_path / "s1/up", "..")
    link(tmp_path / "s2/self", ".")
    link(tmp_path / "s3/there", "../s4")
    listing = list_folder(tmp_path)
    assert len(keys_of(listing)) == 50
    assert reasons_of(listing) == {
        "s1/up": "the data folder itself",
        "s2/self": "the same folder as 's2', where it is read",
        "s3/there": "the same folder as 's4', where it is read",
    }


@pytest.mark.parametrize("follow_links", [False, True])
def test_links_across_list_no_folder_twice(tmp_path, follow_links):
    for one in range(8):
        touch(tmp_path, f"s{one}/1.jpg")
        for other in range(8):
            link(tmp_path / f"s{one}/to{other}", f"../s{other}")
    assert keys_of(list_folder(tmp_path, follow_links)) == [f"s{one}/1.jpg" for one in range(8)]


def test_a_link_out_of_the_folder_is_read_only_when_that_is_asked_for(tmp_path):
    touch(tmp_path, "disk/ann/1.jpg", "faces/bob/1.jpg", "other.jpg")
    root = tmp_path / "faces"
    link(root / "ann", tmp_path / "disk/ann")
    link(root / "bob/2.jpg", "../../other.jpg")
    listing = list_folder(root)
    assert keys_of(listing) == ["bob/1.jpg"]
    assert reasons_of(listing) == {
        "ann": f"a link out of the data folder, to '{tmp_path}/disk/ann'; "
        "data.follow_links: true reads it",
        "bob/2.jpg": f"a link out of the data folder, to '{tmp_path}/other.jpg'; "
        "data.follow_links: true reads it",
    }
    assert keys_of(list_folder(root, follow_links=True)) == ["ann/1.jpg", "bob/1.jpg", "bob/2.jpg"]


def test_nothing_but_links_out_of_the_folder_is_an_error_that_says_what_to_do(tmp_path):
    touch(tmp_path, "disk/ann/1.jpg")
    link(tmp_path / "faces/ann", tmp_path / "disk/ann")
    with pytest.raises(UserError, match=r"not read: 1, such as 'ann': .*data\.follow_links"):
        keys_of(list_folder(tmp_path / "faces"))


def test_a_followed_link_to_above_the_folder_lists_no_folder_twice(tmp_path):
    touch(tmp_path, "faces/ann/1.jpg", "faces/bob/1.jpg", "beside/2.jpg")
    link(tmp_path / "faces/ann/out", tmp_path)
    listing = list_folder(tmp_path / "faces", follow_links=True)
    assert keys_of(listing) == ["ann/1.jpg", "ann/out/beside/2.jpg", "bob/1.jpg"]
    assert reasons_of(listing) == {"ann/out/faces": "the data folder itself"}


def test_links_into_a_hidden_folder_of_the_root_are_read(tmp_path):
    touch(tmp_path, ".store/ann/1.jpg", ".store/ab12")
    link(tmp_path / "ann", ".store/ann")
    link(tmp_path / "bob/1.jpg", "../.store/ab12")
    assert keys_of(list_folder(tmp_path)) == ["ann/1.jpg", "bob/1.jpg"]


def test_the_root_may_be_a_link(tmp_path):
    touch(tmp_path, "faces/ann/1.jpg")
    link(tmp_path / "faces/ann/2.jpg", "1.jpg")
    link(tmp_path / "here", "faces")
    assert keys_of(list_folder(tmp_path / "here")) == ["ann/1.jpg"]


def test_links_to_nowhere_are_refused_whoever_they_are(tmp_path):
    touch(tmp_path, "ann/1.jpg")
    link(tmp_path / "ann/2.jpg", "nowhere")
    link(tmp_path / "bob", "/no/such/disk")
    link(tmp_path / "eve", "eve")
    assert reasons_of(list_folder(tmp_path)) == {
        "ann/2.jpg": "a link to nowhere",
        "bob": "a link to nowhere",
        "eve": "a link: Too many levels of symbolic links",
    }


@pytest.mark.parametrize("make", [os.link, os.symlink], ids=["hard", "symbolic"])
def test_one_file_under_two_names_of_a_person_is_listed_once(tmp_path, make):
    touch(tmp_path, "ann/1.jpg", "bob/1.jpg")
    make(tmp_path / "ann/1.jpg", tmp_path / "ann/2.jpg")
    listing = list_folder(tmp_path)
    assert keys_of(listing) == ["ann/1.jpg", "bob/1.jpg"]
    assert reasons_of(listing) == {"ann/2.jpg": "the same file as 'ann/1.jpg'"}


@pytest.mark.parametrize("make", [os.link, os.symlink], ids=["hard", "symbolic"])
def test_one_file_under_two_people_is_of_neither(tmp_path, make):
    touch(tmp_path, "ann/1.jpg", "ann/2.jpg", "bob/1.jpg")
    make(tmp_path / "ann/2.jpg", tmp_path / "bob/2.jpg")
    listing = list_folder(tmp_path)
    assert keys_of(listing) == ["ann/1.jpg", "bob/1.jpg"]
    assert reasons_of(listing) == {
        "ann/2.jpg": "the same file as 'bob/2.jpg', of another person",
        "bob/2.jpg": "the same file as 'ann/2.jpg', of another person",
    }


def test_a_folder_that_cannot_be_read_is_refused_by_name(tmp_path):
    touch(tmp_path, "ann/1.jpg", "bob/1.jpg")
    # The tests may run as root, whom no mode of a folder stops; a name too long for a path does.
    long = tmp_path / "ann/long"
    long.mkdir()
    folder = os.open(long, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        folder = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
    listing = list_folder(tmp_path)
    assert keys_of(listing) == ["ann/1.jpg", "bob/1.jpg"]
    assert list(reasons_of(listing).values()) == ["folder cannot be read: File name too long"]


@pytest.mark.skipif(os.geteuid() == 0, reason="no mode of a folder stops root")
def test_a_folder_without_permission_is_refused_by_name(tmp_path):
    touch(tmp_path, "ann/1.jpg", "ann/closed/2.jpg")
    (tmp_path / "ann/closed").chmod(0)
    listing = list_folder(tmp_path)
    (tmp_path / "ann/closed").chmod(0o755)
    assert keys_of(listing) == ["ann/1.jpg"]
    assert reasons_of(listing) == {"ann/closed": "folder cannot be read: Permission denied"}
