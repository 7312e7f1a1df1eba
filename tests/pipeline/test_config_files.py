"""What is no configuration file is one clear error."""

import os
from pathlib import Path

import pytest

from pipeline.config import ConfigError, load_config
from tests.pipeline.test_config import write


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training: [", "is not valid YAML"),
        ("- a", "expected sections"),
        ("training:\n  epochs: 1\n  epochs: 2", "epochs: given twice"),
    ],
)
def test_a_file_that_is_no_configuration_is_one_clear_error(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, text))


def bomb(levels):
    """YAML whose last value has 10^levels texts in it, in as many lines as there are levels."""
    lines = ["a0: &a0 lol"]
    for level in range(1, levels + 1):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\x00b", "is not valid YAML: unacceptable character"),
        (b"\xff\xfe\x00", "not a text in UTF-8"),
        (b"\x89PNG\r\n", "not a text in UTF-8"),
        (b"data:\n\tseed: 1", "is not valid YAML: .*cannot start any token"),
        (b"data: {}\n---\ndata: {}", "expected one document. Received: 2"),
        (b"[" * 50_000, "is not valid YAML: nested too deeply"),
        (b"x" * 2**21, "it has more than 1048576 bytes"),
        (bomb(9).encode(), "its aliases make more than 200000 values"),
        (bomb(4).encode(), "unknown key"),
    ],
)
def test_a_file_of_another_kind_is_one_short_error(tmp_path, content, message):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(path)
    assert len(str(caught.value)) < 2000


def test_only_a_regular_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="cannot read the configuration"):
            load_config(path)
