"""What this machine gives a run, and what it lacks: a function for each topic, and no printing.

Neither TensorFlow nor TFX is loaded; where only TensorFlow itself knows, another process asks it.
"""

from collections.abc import Iterator
from pathlib import Path

from pipeline.checkup.accelerators import check_gpus
from pipeline.checkup.diagnosis import Diagnosis
from pipeline.checkup.processor import check_blas, check_cores
from pipeline.checkup.room import check_disk, check_memory
from pipeline.checkup.services import check_buckets, check_container_engine, check_tracking
from pipeline.checkup.software import check_numba, check_packages, check_python


def examine(output_dir: Path) -> Iterator[Diagnosis]:
    """Looks at one topic after another; all of it takes some seconds.

    Args:
      output_dir: where runs are to go; it may be missing.
    """
    yield check_python()
    yield check_packages()
    yield check_numba()
    yield check_gpus()
    yield check_cores()
    yield check_blas()
    yield check_memory()
    yield check_disk(output_dir)
    yield check_tracking()
    yield check_buckets()
    yield check_container_engine()
