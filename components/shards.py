"""The files of a split: written whole, listed by their writer, and read as listed.

What else lies in a split's folder is none of its images, and what is listed but not there is
missing: a pattern would take the first for data and never notice the second.
"""

import json
import posixpath
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

import tensorflow as tf

from groundfloor.errors import UserError

# Beside the splits' folders: within them, TFX's own readers would take it for a shard.
FILE_NAME = "shards.json"


class ShardsError(UserError):
    """The files of examples are not those that their writer listed."""


def shard_name(shard: int, shards: int) -> str:
    """The name of one of some files of a split, as TFX and TensorFlow name them."""
    return f"data_tfrecord-{shard:05d}-of-{shards:05d}.gz"


def write_shard(path: str, records: Iterable[bytes]) -> None:
    """Writes a gzipped TFRecord file, in blocks that gzip stores as they are.

    JPEG and PNG are compressed already. To compress the pixels of photographs takes as long as to
    decode and resize them, and saves a fifth of the disk: `benchmarks/storage.py`.
    """
    options = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=0)
    with whole_file(path) as unfinished, tf.io.TFRecordWriter(unfinished, options) as writer:
        for record in records:
            writer.write(record)


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """Yields the path to write to; the file gets its name when that is done.

    Beam may try a bundle twice, even at once: a file that has its name is always a whole one.
    """
    unfinished = f"{path}.{uuid.uuid4().hex}"
    yield unfinished
    tf.io.gfile.rename(unfinished, path, overwrite=True)


def remove_leftovers(names: Mapping[str, Collection[str]]) -> None:
    """Removes what bundles that Beam tried again have left.

    Args:
      names: folder of a split -> names that its files may have.
    """
    for folder, known in names.items():
        for name in tf.io.gfile.listdir(folder):
            if name not in known:
                tf.io.gfile.remove(posixpath.join(folder, name))


def write_listing(examples_uri: str, split_folders: Iterable[str]) -> None:
    """Lists the files in the splits' folders with their sizes, once all of them are written.

    Args:
      examples_uri: the folder of the artifact; the listing goes there.
      split_folders: such as `<examples_uri>/Split-train`.
    """
    listing = {posixpath.basename(folder): sizes_in(folder) for folder in split_folders}
    with tf.io.gfile.GFile(posixpath.join(examples_uri, FILE_NAME), "w") as file:
        file.write(json.dumps(listing, indent=2, sort_keys=True) + "\n")


def shard_files(split_folder: str) -> list[str]:
    """The files of a split, in the order of their names.

    Args:
      split_folder: such as `<examples_uri>/Split-train`.

    Raises:
      ShardsError: one is missing, too many, or of another size than when it was written.
    """
    folder = split_folder.rstrip("/")
    listing = read_listing(posixpath.dirname(folder))
    listed = listing.get(posixpath.basename(folder))
    if listed is None:
        raise ShardsError(f"{folder} is not among the splits that were written: {sorted(listing)}")
    faults = differences(listed, sizes_in(folder))
    if faults:
        raise ShardsError(
            f"{folder} does not hold what was written there: {'; '.join(faults)}. Run the "
            "pipeline again to make it anew"
        )
    return [posixpath.join(folder, name) for name in sorted(listed)]


def read_listing(examples_uri: str) -> dict[str, dict[str, int]]:
    """The listing of an artifact: folder of the split -> file name -> bytes.

    Raises:
      ShardsError: there is none, or it cannot be read.
    """
    path = posixpath.join(examples_uri, FILE_NAME)
    try:
        with tf.io.gfile.GFile(path) as file:
            return json.loads(file.read())
    except tf.errors.NotFoundError:
        raise ShardsError(f"the examples in {examples_uri} have no {FILE_NAME}") from None
    except (tf.errors.OpError, ValueError) as error:
        raise ShardsError(f"{path} cannot be read: {error}") from None


def sizes_in(folder: str) -> dict[str, int]:
    """File name -> bytes, of all that lies in a folder; nothing where there is none."""
    if not tf.io.gfile.isdir(folder):
        return {}
    # On an object store, folders are listed with a slash at the end.
    names = [name for name in tf.io.gfile.listdir(folder) if not name.endswith("/")]
    return {name: tf.io.gfile.stat(posixpath.join(folder, name)).length for name in names}


def differences(listed: Mapping[str, int], found: Mapping[str, int]) -> list[str]:
    """What is wrong with the files of a folder, a few words on each, in the order of names."""
    return [
        _difference(name, listed.get(name), found.get(name))
        for name in sorted(listed.keys() | found.keys())
        if listed.get(name) != found.get(name)
    ]


def _difference(name: str, listed: int | None, found: int | None) -> str:
    if found is None:
        return f"{name} is missing"
    if listed is None:
        return f"{name} was not written by its step"
    return f"{name} has {found} bytes instead of {listed}"
