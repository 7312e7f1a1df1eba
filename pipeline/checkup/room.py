"""Free memory, and free disk where a run goes."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from groundfloor.text import shown
from pipeline.checkup.diagnosis import LACKS, NOTE, OK, Diagnosis

_GIB = 2**30

# Loading TFX takes one; the demo as a whole two and a half.
_LEAST_MEMORY = 2 * _GIB
_SOME_MEMORY = 4 * _GIB

# The demo takes a tenth of it; images, decoded and as examples, several times their own size.
_LEAST_DISK = 1 * _GIB
_SOME_DISK = 10 * _GIB


def check_memory() -> Diagnosis:
    """What is free, or what the container leaves of it."""
    available = psutil.virtual_memory().available
    return judge_memory(min([available, *memory_limits()]))


def judge_memory(free: int) -> Diagnosis:
    """The same, of so many bytes."""
    text = f"{free / _GIB:.1f} GiB free"
    remedy = f"end other programs, or raise the container's limit: {_SOME_MEMORY // _GIB} GiB do"
    if free < _LEAST_MEMORY:
        return Diagnosis("memory", LACKS, text, remedy)
    if free < _SOME_MEMORY:
        return Diagnosis("memory", NOTE, text, remedy)
    return Diagnosis("memory", OK, text)


def memory_limits(
    groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[int]:
    """The limits, in bytes, of the control groups that this process is in, of either version.

    Args:
      groups: lines of `<number>:<controllers>:<path>`.
      root: where the groups' files are; within a container, its own group may be there.
    """
    for line in groups.read_text().splitlines() if groups.is_file() else []:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits(root / "memory", path, "memory.limit_in_bytes")


def _limits(root: Path, path: str, name: str) -> Iterator[int]:
    for file in (root / path.lstrip("/") / name, root / name):
        text = file.read_text().strip() if file.is_file() else ""
        if text.isdigit():  # or "max"
            yield int(text)


def check_disk(output_dir: Path) -> Diagnosis:
    """What is free where a run would write."""
    folder = output_dir.expanduser().absolute()
    place = next(path for path in (folder, *folder.parents) if path.is_dir())
    try:
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        text = f"cannot write to {shown(str(place))}: {error.strerror}"
        return Diagnosis("disk", LACKS, text, "name another folder with --output-dir")
    return judge_disk(place, shutil.disk_usage(place).free)


def judge_disk(place: Path, free: int) -> Diagnosis:
    """The same, of so many bytes."""
    text = f"{free / _GIB:.1f} GiB free in {shown(str(place))}"
    remedy = "free some, or name a folder on another disk with --output-dir"
    if free < _LEAST_DISK:
        return Diagnosis("disk", LACKS, text, remedy)
    if free < _SOME_DISK:
        return Diagnosis("disk", NOTE, f"{text}: enough for the demo", remedy)
    return Diagnosis("disk", OK, text)
