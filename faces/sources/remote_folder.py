"""The image source: a folder of identities on a store, `s3://bucket/faces/<identity>/**/<image>`."""

from collections.abc import Iterable
from dataclasses import dataclass

from faces.content import fingerprint_by_reading, read_file
from faces.record import Listing, Record
from faces.sources.folder import MAX_ENTRIES, is_litter, no_images, records_of, too_many
from faces.sources.once import once
from groundfloor.errors import UserError
from groundfloor.paths import Url

# Parts of a name that are another place in a path.
_NO_NAMES = frozenset({"", ".", ".."})
# After it s3fs looks for a version of the object before it, which is another one.
_VERSION = "?versionId="


@dataclass(frozen=True)
class RemoteFolderSource:
    """A folder of identities on a store; a `record.Source`.

    Keys and identities are those of `folder.FolderSource`; of the same images in a folder, the
    fingerprint is the same. There are no links.

    Attributes:
      root: the folder, or the bucket.
    """

    root: Url

    def list(self) -> Listing:
        """See `list_remote_folder`; within `once.listed_once`, the store is asked once."""
        return once((RemoteFolderSource, self.root), lambda: list_remote_folder(self.root))

    def read(self, record: Record) -> bytes:
        """The content of an image's object.

        Raises:
          UnreadableError: see `content.read_file`.
          StoreError: see `content.read_file`.
        """
        return read_file(self.root / record.key)

    def fingerprint(self) -> str:
        """See `content.fingerprint_of`; every object is read.

        A store's own marks would spare that, but they are not what the content is: an ETag depends
        on how an object was uploaded.
        """
        return fingerprint_by_reading(self.list(), self.read)


def list_remote_folder(root: Url, max_entries: int = MAX_ENTRIES) -> Listing:
    """Lists every object below the identity folders of `root`, as `folder.list_folder` does.

    An object whose name ends with a slash is what programs make for an empty folder, and no image.
    One with a part in its name that means another place in a path is refused.

    Args:
      root: the folder, or the bucket.
      max_entries: objects above which `root` cannot be what was meant.

    Raises:
      StoreError: see `remote.list_objects`.
      UserError: there is no object of any identity, or there are more than `max_entries`.
    """
    # A third of a second: not for those who read a folder of this machine.
    from faces import remote  # noqa: PLC0415

    names = remote.list_objects(root, max_entries)
    if len(names) > max_entries:
        raise too_many(root, max_entries)
    if names == [""]:
        raise UserError(
            f"{str(root)!r} is one object, not a folder, and its name does not end as that of a "
            "source does; data.source names what it is"
        )
    reasons = {name: _refusal(name) for name in filter(_is_meant, names)}
    refused = {
        record: reasons[record.key]
        for record in records_of(name for name, reason in reasons.items() if reason)
    }
    records = records_of(name for name, reason in reasons.items() if not reason)
    if not records:
        raise no_images(root, refused)
    people = {record.identity for record in (*records, *refused)}
    return Listing(records, refused, sorted(_identities_of_markers(names) - people))


def _is_meant(name: str) -> bool:
    """Whether an object may have been meant as an image of somebody."""
    parts = name.split("/")
    litter = any(is_litter(part) for part in parts if part not in _NO_NAMES)
    return len(parts) > 1 and not name.endswith("/") and not litter


def _refusal(name: str) -> str:
    if not _NO_NAMES.isdisjoint(name.split("/")):
        return "a name with a part that is empty, . or .."
    return f"a name with {_VERSION} in it" if _VERSION in name else ""


def _identities_of_markers(names: Iterable[str]) -> set[str]:
    """The people who have a folder that somebody has made."""
    folders = (name.partition("/")[0] for name in names if name.endswith("/"))
    return {folder for folder in folders if folder not in _NO_NAMES and not is_litter(folder)}
