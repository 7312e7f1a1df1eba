"""Objects on the stores that fsspec reaches: `s3://` and its kin, `gs://`, `memory://`.

Where a store is and who one is there, fsspec and the store's own library find out as ever: by
`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and the like, by their files, or by the machine's role. A
request that fails is repeated as that library does.

What is wrong with one object is an `UnreadableError`, the same at each attempt; what is wrong with
the store is a `StoreError`, which is no property of any image.
"""

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import fsspec

from faces.content import StoreError, UnreadableError
from groundfloor.paths import Url
from groundfloor.text import shown_text

# What is wrong with one object, by what libraries raise for it.
_REASONS = {
    FileNotFoundError: "No such object",
    IsADirectoryError: "No such object: it is a folder",
    PermissionError: "cannot be read: access denied",
    UnicodeEncodeError: "cannot be read: its name is not UTF-8",
}
_WEB = ("http", "https")
_ARCHIVED_CODE = "InvalidObjectState"

# What S3 answers where s3fs raises the same, and no object is to blame.
_CODES_OF_STORE = frozenset(
    {
        "AccountProblem",
        "AllAccessDisabled",
        "CrossLocationLoggingProhibited",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidPayer",
        "InvalidSecurity",
        "NoSuchBucket",
        "NotSignedUp",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)


class ObjectFacts(NamedTuple):
    """What a store says of an object without sending it.

    Attributes:
      size: in bytes.
      version: differs where the object was written anew.
    """

    size: int
    version: str


def read_object(url: Url, max_bytes: int) -> bytes:
    """Reads an object of at most `max_bytes`, in one request.

    Raises:
      UnreadableError: there is none, it must not be read, or it is larger than that.
      StoreError: the store does not answer, or does not know who asks.
    """
    data = read_range(url, 0, max_bytes + 1)
    if len(data) > max_bytes:
        raise UnreadableError(f"over the limit of {max_bytes} bytes")
    return data


def read_range(url: Url, start: int, length: int) -> bytes:
    """Reads bytes from the middle of an object; fewer than asked for where it ends.

    Raises:
      UnreadableError: see `read_object`.
      StoreError: see `read_object`.
    """
    with _translated(url):
        files, path = _files_of(url)
        try:
            return files.cat_file(path, start=start, end=start + length)
        except OSError as error:
            # Of an object that ends before the start, such as an empty one, S3 has no range.
            if error.errno == errno.EINVAL and files.info(path)["size"] <= start:
                return b""
            raise


def facts_of(url: Url) -> ObjectFacts:
    """What the store says of an object.

    Raises:
      UnreadableError: there is none, or it must not be read.
      StoreError: see `read_object`.
    """
    with _translated(url):
        files, path = _files_of(url)
        info = files.info(path)
        if info.get("type") == "directory":
            raise UnreadableError("No such object: it is a folder")
        marks = (info.get(key) for key in ("ETag", "etag", "LastModified", "mtime", "created"))
        return ObjectFacts(info["size"], repr([str(mark) for mark in marks]))


def list_objects(url: Url, most: int, begins: str = "") -> list[str]:
    """The names of all objects below a URL, relative to it, in one listing, page by page.

    An object of the very name of the URL, where there is none below it, is there as ``; the names
    of others need not be such as a path has.

    Args:
      url: of a bucket, or of a folder in it.
      most: how many names there may be; where there are more, the list has one more.
      begins: what the names begin with.

    Raises:
      StoreError: there is no such bucket, it must not be listed, or see `read_object`.
    """
    with _listing(url) as (files, path):
        names = _names_below(path, begins, most, _names(files, path, begins))
        return names or [""] * files.isfile(path)


def list_folder(url: Url, most: int, begins: str = "") -> list[str]:
    """The names of what is directly in a folder; what is deeper in it is not looked at.

    A folder's own name ends with a slash. Where there is no such folder, there is nothing in it.

    Args:
      url: see `list_objects`.
      most: see `list_objects`.
      begins: see `list_objects`.

    Raises:
      StoreError: see `list_objects`.
    """
    with _listing(url) as (files, path):
        return _names_below(path, begins, most, _names_in(files, path, begins))


@contextmanager
def _listing(url: Url) -> Iterator[tuple[Any, str]]:
    """As `_files_of`; whatever is wrong is wrong with the store."""
    try:
        with _translated(url):
            yield _files_of(url)
    except UnreadableError as error:
        raise _store_error(url, str(error)) from None


def _names_below(path: str, begins: str, most: int, names: Iterable[str]) -> list[str]:
    """Of names as the file system has them those that are meant, relative to the path."""
    above = f"{path.rstrip('/')}/"
    below = (name for name in names if name.startswith(above + begins) and name != above)
    return [name[len(above) :] for name in islice(below, most + 1)]


def _names(files: Any, path: str, begins: str) -> Iterator[str]:
    """The objects below a path, as the file system names them.

    That of S3 takes a time that grows with the square of the number of folders, 230 s for 50,000 of
    them with four objects each, and 750 bytes an object: it is asked for its pages.
    """
    if not hasattr(files, "call_s3"):
        found = files.find(path, detail=True)
        yield from (name for name, info in found.items() if info.get("type") != "directory")
        return
    for page in _pages(files, path, begins):
        yield from page


def _names_in(files: Any, path: str, begins: str) -> Iterator[str]:
    """What is directly in a path, as the file system names it; folders end with a slash."""
    if hasattr(files, "call_s3"):
        for page in _pages(files, path, begins, Delimiter="/"):
            yield from page
        return
    try:
        found = files.ls(path, detail=True)
    except FileNotFoundError as error:
        if _code_of(error) in _CODES_OF_STORE:
            raise
        return
    for info in found:
        yield info["name"].rstrip("/") + "/" * (info["type"] == "directory")


def _pages(files: Any, path: str, begins: str, **options: str) -> Iterator[list[str]]:
    """What S3 answers, a thousand names at a time."""
    bucket, key, _ = files.split_path(path)
    prefix = (f"{key}/" if key else "") + begins
    request = {"Bucket": bucket, "Prefix": prefix, **options, **files.req_kw}
    while True:
        page = files.call_s3("list_objects_v2", **request)
        names = [item["Key"] for item in page.get("Contents", ())]
        names += [item["Prefix"] for item in page.get("CommonPrefixes", ())]
        yield [f"{bucket}/{name}" for name in names]
        if not page.get("IsTruncated"):
            return
        request["ContinuationToken"] = page["NextContinuationToken"]


def _files_of(url: Url) -> tuple[Any, str]:
    """The file system of a URL, and how that names the object."""
    if url.scheme in _WEB:
        raise StoreError(
            f"cannot read {_shown(url)}: a web server does not list what it has. A bucket is named "
            "like s3://bucket/folder, and a server of one's own in AWS_ENDPOINT_URL"
        )
    try:
        kind = fsspec.get_filesystem_class(url.scheme)
    except ValueError:
        raise StoreError(
            f"cannot read {_shown(url)}: {url.scheme}:// is no kind of store that fsspec knows; "
            "s3:// is one, and so is MinIO's or SeaweedFS's address in AWS_ENDPOINT_URL"
        ) from None
    except ImportError as error:
        raise StoreError(f"cannot read {_shown(url)}: {shown_text(str(error))}") from None
    # Those with a loop of their own serve many threads; a child process must not use its parent's.
    thread = 0 if kind.async_impl else threading.get_ident()
    root = url.scheme + "://" + url.rest.partition("/")[0]
    return _file_system(root, os.getpid(), thread), kind._strip_protocol(str(url))


@lru_cache(maxsize=64)
def _file_system(root: str, *_: int) -> Any:
    """The file system of a bucket, whose listings are never remembered."""
    return fsspec.url_to_fs(root, use_listings_cache=False, skip_instance_cache=True)[0]


@contextmanager
def _translated(url: Url) -> Iterator[None]:
    """What libraries raise becomes the reason why an object, or a store, cannot be read."""
    try:
        yield
    except (UnreadableError, StoreError):
        raise
    except Exception as error:
        code = _code_of(error)
        reason = _reason_of_object(error, code)
        if reason:
            raise UnreadableError(reason) from None
        if not isinstance(error, OSError | ValueError) and type(error).__module__ == "builtins":
            raise
        raise _store_error(url, code or _words_of(error)) from None


def _reason_of_object(error: Exception, code: str) -> str:
    """Why one object cannot be read, without numbers of requests; empty where that is not it."""
    if code in _CODES_OF_STORE:
        return ""
    if code == _ARCHIVED_CODE:
        return "cannot be read: it is archived"
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return "cannot be read: its name is too long"
    return next((why for kind, why in _REASONS.items() if isinstance(error, kind)), "")


def _code_of(error: BaseException) -> str:
    """The code of S3's answer, such as NoSuchKey; empty where there was none."""
    answer = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    try:
        return str(answer["Error"]["Code"])  # type: ignore[index]
    except (TypeError, KeyError):
        return ""


def _words_of(error: Exception) -> str:
    return shown_text(f"{type(error).__name__}: {error}", limit=200)


def _store_error(url: Url, why: str) -> StoreError:
    return StoreError(
        f"cannot read {_shown(url)}: {why}. See that the bucket is there, that its server answers "
        "(AWS_ENDPOINT_URL names one of your own), and that the environment has the credentials to "
        "list and read it"
    )


def _shown(url: Url) -> str:
    return repr(shown_text(str(url)))
