"""Cores, and the kernel that OpenBLAS takes."""

import pytest

from pipeline.checkup.processor import (
    check_blas,
    check_cores,
    cpu_flags,
    gain_of,
    judge_blas,
    judge_cores,
)

AVX2 = {"sse4_2", "avx", "avx2", "fma"}
AVX512 = AVX2 | {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


def openblas(architecture):
    return {
        "internal_api": "openblas",
        "version": "0.3.23",
        "num_threads": 2,
        "architecture": architecture,
    }


def not_measured(kernel):
    pytest.fail(f"{kernel} was measured")


def test_cores_that_are_kept_back_are_told():
    assert judge_cores(8, 8).state == "ok"
    found = judge_cores(2, 16)
    assert (found.state, found.text.partition(":")[0]) == ("note", "2 of 16")
    assert check_cores().topic == "cores"


def test_an_old_kernel_on_a_new_processor_is_told_with_what_it_costs():
    found = judge_blas([openblas("Haswell")], AVX512, {"SkylakeX": 1.63}.get)
    assert found.state == "note"
    assert found.text == (
        "OpenBLAS 0.3.23 (threads: 2) takes the processor for a Haswell; as a SkylakeX its "
        "products are 1.6 times as fast"
    )
    assert found.remedy == "export OPENBLAS_CORETYPE=SkylakeX"


def test_a_kernel_that_would_gain_nothing_is_no_remedy():
    found = judge_blas([openblas("Zen")], AVX512, {"SkylakeX": 1.02}.get)
    assert (found.state, found.remedy) == ("ok", "")


def test_a_processor_of_ten_years_gets_the_kernel_of_its_time():
    found = judge_blas([openblas("Nehalem")], AVX2, {"Haswell": 2.5}.get)
    assert found.remedy == "export OPENBLAS_CORETYPE=Haswell"


@pytest.mark.parametrize(
    ("architecture", "flags"),
    [
        ("SkylakeX", AVX512),
        ("Cooperlake", AVX512),
        ("Haswell", AVX2),
        ("Zen", AVX2),
        ("Haswell", AVX2 | {"avx512f"}),  # a Xeon Phi, which has not all of them
        ("neoversen1", set()),
    ],
)
def test_where_the_kernel_fits_nothing_is_measured(architecture, flags):
    assert judge_blas([openblas(architecture)], flags, not_measured).state == "ok"


def test_other_libraries_are_named_and_left_alone():
    found = judge_blas([{"internal_api": "mkl"}], AVX512, not_measured)
    assert (found.state, found.text) == ("ok", "mkl, which finds its kernel itself")
    assert judge_blas([], AVX512, not_measured).state == "ok"


def test_the_flags_are_those_of_the_first_processor(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu avx2\n\nprocessor\t: 1\nflags\t\t: other\n")
    assert cpu_flags(file) == {"fpu", "avx2"}
    file.write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    assert cpu_flags(file) == set()
    assert cpu_flags(tmp_path / "nowhere") == set()


@pytest.mark.slow
def test_two_kernels_are_timed_in_processes_of_their_own():
    assert 0.2 < gain_of("Haswell") < 50


def test_what_cannot_be_timed_gains_nothing(monkeypatch):
    monkeypatch.setattr("pipeline.checkup.processor._PRODUCT", "1 / 0")
    assert gain_of("Haswell") == 1.0


@pytest.mark.slow
def test_the_library_of_this_numpy_is_looked_at():
    assert check_blas().topic == "blas"
