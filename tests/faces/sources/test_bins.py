"""Verification sets as insightface packs them: what is read, and that nothing in them is run."""

import copyreg
import io
import os
import pickle
import pickletools
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faces.sources import bins
from faces.sources.bins import DataUnpickler, read_bin
from groundfloor.errors import UserError

IMAGES = [b"\xff\xd8 one", b"\x89PNG two" * 40, b"", b"\x80\x04four"]
FLAGS = [True, False]
WHOLE = pickle.dumps((IMAGES, FLAGS), protocol=4)

# `cPickle.dumps((["\xff\xd8 one", "two"], [True]), 2)` of Python 2.7, and the same by protocol 0.
PYTHON_2 = (
    b"\x80\x02]q\x01(U\x06\xff\xd8 oneq\x02U\x03twoq\x03e]q\x04\x88a\x86q\x05."
)  # fmt: skip
PYTHON_2_TEXT = b"((lp1\nS'one'\np2\naS'two'\np3\na(lp4\nI01\natp5\n."
PYTHON_2_LARGE = b"\x80\x02]q\x01(T\x80\x01\x00\x00" + b"\xfe" * 384 + b"U\x00e]q\x02K\x00a\x86."


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("kind", [list, tuple])
def test_images_and_flags_are_read_whatever_the_protocol(protocol, kind):
    read = read_bin(pickle.dumps((kind(IMAGES), kind(FLAGS)), protocol=protocol))
    assert (list(read.images), read.same) == (IMAGES, FLAGS)


@pytest.mark.parametrize(
    ("written", "images", "flags"),
    [
        (PYTHON_2, [b"\xff\xd8 one", b"two"], [True]),
        (PYTHON_2_TEXT, [b"one", b"two"], [True]),
        (PYTHON_2_LARGE, [b"\xfe" * 384, b""], [False]),
    ],
)
def test_what_python_2_wrote_is_read_as_bytes(written, images, flags):
    read = read_bin(written)
    assert (read.images, read.same) == (images, flags)
    assert all(type(flag) is bool for flag in read.same)


def test_an_image_that_is_there_twice_and_an_optimised_pickle_are_read():
    image = bytes(range(256)) * 2
    packed = pickle.dumps(([image, image, image, b"x"], [1, 0]), protocol=4)
    assert len(packed) < 2 * len(image)
    assert read_bin(pickletools.optimize(packed)).images == [image, image, image, b"x"]


def payload(path):
    """What a payload would run: a file appears."""
    return os.system, (f"touch {path}",)


class Runs:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return payload(self.path)


class Inherits(list):
    """A class of ours, which a pickle names."""


def payloads(path):
    """Pickles that would make the file if they were run, by every opcode that could."""
    command = f"touch {path}".encode()
    text = struct.pack("<I", len(command)) + command
    system = b"cposix\nsystem\n"
    wrapped = {f"reduce, protocol {p}": pickle.dumps(Runs(path), p) for p in range(6)}
    nested = pickle.dumps((IMAGES, [True, Runs(path)]), 4)
    return wrapped | {
        "nested": nested,
        "after the flags": pickle.dumps((IMAGES, FLAGS, Runs(path)), 2),
        "inst": b"(S'" + command + b"'\niposix\nsystem\n.",
        "obj": b"(" + system + b"X" + text + b"o.",
        "newobj": system + b"(X" + text + b"t\x81.",
        "newobj_ex": b"\x80\x04" + system + b"(X" + text + b"t}\x92.",
        "build": b"\x80\x02]" + b"c__main__\nX\n" + b"b.",
        "global alone": system + b".",
        "dropped": b"\x80\x02" + system + b"X" + text + b"\x85R0" + WHOLE[2:],
        "persistent id": b"Pwhatever\n.",
        "binary persistent id": b"\x80\x02]Q.",
        "dict": pickle.dumps({b"images": IMAGES}, 4),
        "subclass": pickle.dumps((Inherits(IMAGES), FLAGS), 4),
        "set": pickle.dumps(({b"a", b"b"}, FLAGS), 4),
        "bytearray": pickle.dumps(([bytearray(b"a"), b"b"], [True]), 5),
        "buffer": pickle.dumps(pickle.PickleBuffer(b"a"), 5, buffer_callback=lambda _: None),
    }


@pytest.fixture
def registered():
    """os.system as an extension code, which an unpickler keeps and then asks nobody for."""
    copyreg.add_extension("posix", "system", 250)
    copyreg._extension_cache[250] = os.system
    yield
    copyreg.remove_extension("posix", "system", 250)


@pytest.mark.parametrize("name", payloads("x"))
def test_a_payload_is_refused_and_never_run(tmp_path, name):
    made = tmp_path / "made"
    with pytest.raises(UserError, match="asks for more than bytes, lists, tuples, true and false"):
        read_bin(payloads(made)[name])
    assert not made.exists()


def test_the_payloads_would_run_in_pickle_itself(tmp_path):
    for name in ("reduce, protocol 4", "nested", "inst", "obj", "dropped"):
        made = tmp_path / name.replace(" ", "_")
        pickle.loads(payloads(made)[name])
        assert made.exists(), name


@pytest.mark.parametrize("code", [b"\x82\xfa", b"\x83\xfa\x00", b"\x84\xfa\x00\x00\x00"])
@pytest.mark.usefixtures("registered")
def test_extension_codes_run_nothing(tmp_path, code):
    made = tmp_path / "made"
    packed = b"\x80\x02" + code + b"X" + struct.pack("<I", 6 + len(str(made)))
    packed += f"touch {made}".encode() + b"\x85R."
    with pytest.raises(UserError, match=r"EXT\d 250 at byte 2"):
        read_bin(packed)
    assert not made.exists()
    pickle.loads(packed)
    assert made.exists()


@pytest.mark.parametrize("name", ["reduce, protocol 0", "nested", "inst", "obj", "persistent id"])
def test_the_unpickler_alone_finds_no_class_either(tmp_path, name):
    made = tmp_path / "made"
    with pytest.raises(pickle.UnpicklingError, match="it asks for"):
        DataUnpickler(io.BytesIO(payloads(made)[name])).load()
    assert not made.exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_arrays_of_numpy_are_refused_with_the_way_to_write_them_anew(protocol):
    arrays = [np.frombuffer(image, np.uint8) for image in IMAGES]
    with pytest.raises(UserError, match="arrays of NumPy are not read") as refused:
        read_bin(pickle.dumps((arrays, FLAGS), protocol))
    remedy = str(refused.value).partition("write it anew: ")[2]
    file = io.BytesIO()
    eval(remedy, {"pickle": pickle, "images": arrays, "flags": FLAGS, "file": file})
    assert read_bin(file.getvalue()).images == IMAGES


@pytest.mark.parametrize("end", range(0, len(WHOLE), 7))
def test_a_truncated_file_is_one_clear_error(end):
    with pytest.raises(UserError, match="cut off, damaged or something else"):
        read_bin(WHOLE[:end])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\xff\xd8\xff\xe0 a JPEG", "expected a pickle of .images, flags."),
        (b"first second 1\n", "expected a pickle"),
        (WHOLE + b"more", f"it goes on behind its end, byte {len(WHOLE) - 1}"),
        (pickle.dumps(([], [])), "at least one of them. Received: 0 images, 0 flags"),
        (pickle.dumps((IMAGES, [True])), "Received: 4 images, 1 flags"),
        (pickle.dumps((IMAGES[:3], FLAGS)), "Received: 3 images, 2 flags"),
        (pickle.dumps(IMAGES), "two lists. Received: list of 4"),
        (pickle.dumps((IMAGES, True)), "two lists. Received: tuple of 2"),
        (pickle.dumps(5), "two lists. Received: 5"),
        (pickle.dumps(([b"a", [b"b"]], [True])), "image 1 must be bytes. Received: list of 1"),
        (pickle.dumps(([b"a", b"b"], [2])), "flag 0 must be true or false. Received: 2"),
        (pickle.dumps(([b"a", b"b"], [b"1"])), "flag 0 must be true or false. Received: bytes"),
    ],
)
def test_what_is_no_set_is_one_clear_error(content, message):
    with pytest.raises(UserError, match=message):
        read_bin(content)


@pytest.fixture
def traced():
    tracemalloc.start()
    yield tracemalloc
    tracemalloc.stop()


@pytest.mark.parametrize(
    "bomb",
    [
        b"\x80\x04]r\x00\x00\x00\x01.",  # a place in the memo far out, which takes 268 MB
        b"\x80\x04]r\xff\xff\xff\x7f.",
        b"\x80\x02]p9999999\n.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].",  # a frame
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x00a.",  # bytes
        b"\x80\x02B\xff\xff\xff\xffa.",
        b"I" + b"9" * 5000 + b"\n.",
    ],
)
def test_a_small_file_takes_no_large_memory(traced, bomb):
    with pytest.raises(UserError):
        read_bin(bomb)
    assert traced.get_traced_memory()[1] < 2**20


def test_a_file_that_would_take_for_ever_is_refused(monkeypatch):
    monkeypatch.setattr(bins, "MAX_OPCODES", 100)
    with pytest.raises(UserError, match="more than 100 steps"):
        read_bin(pickle.dumps(([b"a", b"b"] * 50, [True] * 50)))


def test_lists_within_lists_without_end_are_an_error():
    endless = []
    endless.append(endless)
    for content in (endless, (endless, endless), (b"(" * 100_000)):
        packed = content if isinstance(content, bytes) else pickle.dumps(content)
        with pytest.raises(UserError):
            read_bin(packed)
    deep = b"\x80\x02]" + b"\x85" * 300_000 + b"."
    with pytest.raises(UserError, match="Received: tuple of 1"):
        read_bin(deep)


# What opcodes are made of, so that random files get past their first byte.
OPCODES = st.sampled_from([opcode.code.encode("latin-1") for opcode in pickletools.opcodes])
PIECES = OPCODES | st.binary(max_size=9) | st.sampled_from([b"1\n", b"posix\nsystem\n", b"\x01a"])


@settings(max_examples=600)
@given(st.binary(max_size=200) | st.lists(PIECES, max_size=40).map(b"".join))
def test_random_bytes_run_nothing_and_raise_nothing_but_user_errors(content):
    ran = []
    whole = DataUnpickler.find_class
    DataUnpickler.find_class = lambda *names: ran.append(names)
    try:
        for data in (content, b"\x80\x04" + content, content + b".", b"\x80\x02(" + content + b"."):
            try:
                read = read_bin(data)
            except UserError:
                continue
            assert len(read.images) == 2 * len(read.same)
    finally:
        DataUnpickler.find_class = whole
    assert ran == []


@settings(max_examples=200)
@given(st.data())
def test_a_set_with_damaged_bytes_is_read_or_refused(data):
    damaged = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_bin(bytes(damaged))
    except UserError:
        return
    assert all(type(image) is bytes for image in read.images)
