"""pyarrow, for files that strangers may have made."""

from types import ModuleType

_SAFE = (14, 0, 1)


def load_pyarrow() -> ModuleType:
    """The library with its parts `compute` and `parquet`: a tenth of a second, and 40 MB.

    Before 14.0.1 it runs what a file has for a type, pickled (CVE-2023-47248). There pyarrow-hotfix
    makes that a `RuntimeError`, without which such a version is not used.

    Raises:
      ImportError: it is not installed, or too old and without pyarrow-hotfix.
    """
    import pyarrow  # noqa: PLC0415
    import pyarrow.compute  # noqa: PLC0415
    import pyarrow.parquet  # noqa: PLC0415

    if tuple(map(int, pyarrow.__version__.split(".")[:3])) < _SAFE:
        import pyarrow_hotfix  # noqa: F401, PLC0415 - at work once it is imported
    return pyarrow


def reason_of(error: Exception) -> str:
    """Why a file cannot be read, in one line; pyarrow-hotfix goes on with what the file holds."""
    return str(error).partition("\n")[0].rstrip(":")
