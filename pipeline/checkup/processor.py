"""Cores, and what the library that multiplies matrices takes the processor for.

The evaluation of N images is a product of N x N. OpenBLAS has a kernel for each kind of processor,
and takes an older one for a processor that is newer than the library.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401 - loads the library that is looked at
import threadpoolctl

from biometrics.engine.threads import usable_cores
from pipeline.checkup.diagnosis import NOTE, OK, Diagnosis

# OpenBLAS's name of a kernel -> the flags of a processor that can run it, the fastest first.
_NEEDS = {
    "SkylakeX": {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"},
    "Haswell": {"avx2", "fma"},
}
# Its other kernels with the same instructions; all that are not named here are older.
_AS_FAST = {"SkylakeX": {"cooperlake", "sapphirerapids"}, "Haswell": {"zen", "excavator"}}

_VARIABLE = "OPENBLAS_CORETYPE"
# A smaller gain is not worth a remedy.
_WORTH_IT = 1.1

# Prints the seconds that the fastest of some products took, float32 as those of the evaluation.
# Products of a few milliseconds in processor time: other programs hardly change that.
_PRODUCT = """
import time
import numpy as np
left, right = np.ones((512, 512), np.float32), np.ones((512, 512), np.float32)
end, fastest = time.perf_counter() + 0.5, float("inf")
while time.perf_counter() < end:
    started = time.thread_time()
    left @ right
    fastest = min(fastest, time.thread_time() - started)
print(fastest)
"""
_SECONDS = 30


def check_cores() -> Diagnosis:
    """How many of the machine's cores this process may use."""
    return judge_cores(usable_cores(), os.cpu_count() or 1)


def judge_cores(usable: int, cores: int) -> Diagnosis:
    """The same.

    Args:
      usable: as affinity and containers limit them.
      cores: of the machine.
    """
    if usable >= cores:
        return Diagnosis("cores", OK, f"{cores}, all of which a run may use")
    return Diagnosis(
        "cores",
        NOTE,
        f"{usable} of {cores}: affinity, a container or LOKY_MAX_CPU_COUNT keeps the others back",
        "give the container more CPUs, or start the run without taskset",
    )


def check_blas() -> Diagnosis:
    """Whether NumPy multiplies matrices with all that the processor has."""
    return judge_blas(threadpoolctl.threadpool_info(), cpu_flags(), gain_of)


def judge_blas(
    libraries: Sequence[Mapping[str, Any]],
    flags: Collection[str],
    gain: Callable[[str], float],
) -> Diagnosis:
    """The same.

    Args:
      libraries: as threadpoolctl describes those that are loaded.
      flags: of the processor, by the names of the kernel of Linux.
      gain: how many times faster a product is with a kernel of this name; measured only for a
        library that does not take the fastest.
    """
    openblas = [item for item in libraries if item.get("internal_api") == "openblas"]
    if not openblas:
        names = {str(item.get("internal_api")) for item in libraries} or {"no library known here"}
        return Diagnosis("blas", OK, f"{', '.join(sorted(names))}, which finds its kernel itself")
    version, threads, architecture = (
        str(openblas[0].get(key)) for key in ("version", "num_threads", "architecture")
    )
    taken = f"OpenBLAS {version} (threads: {threads}) takes the processor for a {architecture}"
    better = _better_kernel(architecture, flags)
    if not better:
        return Diagnosis("blas", OK, taken)
    times = gain(better)
    text = f"{taken}; as a {better} its products are {times:.1f} times as fast"
    if times < _WORTH_IT:
        return Diagnosis("blas", OK, text)
    return Diagnosis("blas", NOTE, text, f"export {_VARIABLE}={better}")


def _better_kernel(architecture: str, flags: Collection[str]) -> str:
    """The fastest kernel that the processor can run; empty if it is as fast as the one given."""
    for kernel, needed in _NEEDS.items():
        if architecture.lower() in {kernel.lower(), *_AS_FAST[kernel]}:
            return ""
        if needed <= set(flags):
            return kernel
    return ""


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the first processor can do; empty where Linux does not say it so."""
    if not cpuinfo.is_file():
        return set()
    for line in cpuinfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return set(value.split())
    return set()


def gain_of(kernel: str) -> float:
    """How many times faster products are with this kernel; 1.0 where it cannot be measured.

    Each is timed for half a second, in a process of its own: the library reads its variable once.
    """
    without, with_kernel = _seconds({}), _seconds({_VARIABLE: kernel})
    return without / with_kernel if without and with_kernel else 1.0


def _seconds(variables: Mapping[str, str]) -> float | None:
    try:
        run = subprocess.run(
            [sys.executable, "-c", _PRODUCT],
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | dict(variables),
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return float(run.stdout)
