"""Python, the C library, and the packages that this project asks for."""

import platform
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.version import Version

from pipeline.checkup.diagnosis import LACKS, NOTE, OK, Diagnosis

_PROJECT = "arcface-pipeline"

# The first stack runs with any C library; the native parts of the second need a new one.
_ANY_LIBC = (3, 11)
_NEW_LIBC = ((3, 12), (3, 13))
_LEAST_GLIBC = "2.39"

# Distributions that are the same package, built in another way.
_OTHER_BUILDS = {"tensorflow": "tensorflow-cpu"}

# Named where all is well.
_SHOWN = ("tfx", "tensorflow", "tensorflow-cpu", "keras", "apache-beam", "mlflow", "kfp", "numpy")


def check_python() -> Diagnosis:
    """Whether there is a stack for this Python and this C library."""
    library, version = platform.libc_ver()
    return judge_python(sys.version_info[:2], version if library == "glibc" else "")


def judge_python(python: tuple[int, int], glibc: str) -> Diagnosis:
    """The same.

    Args:
      python: major and minor version.
      glibc: its version; empty for another C library.
    """
    text = f"Python {python[0]}.{python[1]}, {f'glibc {glibc}' if glibc else 'no glibc'}"
    if python == _ANY_LIBC and glibc:
        return Diagnosis("python", OK, text)
    if python not in (_ANY_LIBC, *_NEW_LIBC):
        return Diagnosis("python", LACKS, text, "make setup PYTHON=python3.11, or 3.12 or 3.13")
    if not glibc:
        return Diagnosis("python", LACKS, text, "a Linux with glibc: TensorFlow has no other build")
    if Version(glibc) < Version(_LEAST_GLIBC):
        remedy = f"make setup PYTHON=python3.11, or a system with glibc {_LEAST_GLIBC} or newer"
        return Diagnosis("python", LACKS, text, remedy)
    return Diagnosis("python", OK, text)


def check_packages() -> Diagnosis:
    """Whether all that the project asks for is installed, at versions that it takes."""
    if installed_version(_PROJECT) is None:
        return Diagnosis("packages", LACKS, f"{_PROJECT} is not installed", "make setup")
    return judge_packages(metadata.requires(_PROJECT) or [], installed_version)


def judge_packages(required: Sequence[str], installed: Callable[[str], str | None]) -> Diagnosis:
    """The same.

    Args:
      required: as metadata writes them, such as "tfx==1.16.0; python_version < '3.12'".
      installed: name -> version; None for a package that is not there.
    """
    faults = [fault for text in required if (fault := _fault(Requirement(text), installed))]
    if faults:
        return Diagnosis("packages", LACKS, "; ".join(faults), "make setup")
    versions = ((name, installed(name)) for name in _SHOWN)
    return Diagnosis("packages", OK, ", ".join(f"{name} {what}" for name, what in versions if what))


def _fault(required: Requirement, installed: Callable[[str], str | None]) -> str:
    """What is wrong with one package; empty where it is as required, or of an extra."""
    if required.marker and not required.marker.evaluate({"extra": ""}):
        return ""
    version = installed(required.name) or installed(_OTHER_BUILDS.get(required.name, required.name))
    if version is None:
        return f"{required.name} is not installed"
    if not required.specifier.contains(version, prereleases=True):
        return f"{required.name} is {version}, and {required.specifier} is needed"
    return ""


def check_numba() -> Diagnosis:
    """Whether the faster kernel of the evaluation is there."""
    version = installed_version("numba")
    if version:
        return Diagnosis("numba", OK, f"numba {version}: the evaluation has its faster kernel")
    text = "not installed: the evaluation counts pairs with NumPy, which takes longer"
    return Diagnosis("numba", NOTE, text, "make setup, or install numba into this environment")


def installed_version(name: str) -> str | None:
    """The version of an installed package; None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
