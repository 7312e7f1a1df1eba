"""Text from outside is shown, bounded, and obeyed by no terminal."""

import pytest

from groundfloor.text import shown, shown_text, visible


def test_a_value_is_shown_as_python_writes_it():
    assert [shown(value) for value in (1, "a", [1.5], None, {"a": 1})] == [
        "1",
        "'a'",
        "[1.5]",
        "None",
        "{'a': 1}",
    ]


def bomb():
    value = ["lol"]
    for _ in range(60):
        value = [value] * 10
    return value


def test_no_value_is_shown_at_length():
    for value in (bomb(), "x" * 10**6, 10**5000, -(10**5000), [["a"] * 9] * 9):
        assert len(shown(value)) < 130


def test_a_value_is_shown_without_its_password():
    assert shown("http://me:hunter2@host") == "'http://host'"
    assert "hunter2" not in shown({"a": ["http://me:" + "hunter2" * 20 + "@host"]})


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("bell\x07 back\x08 return\r", "bell\\x07 back\\x08 return\\r"),
        ("c1 \x9b31m", "c1 \\x9b31m"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("line\u2028break", "line\\u2028break"),
        ("not UTF-8 \udcff", "not UTF-8 \\udcff"),
        ("Ärger, 顔, 🙂\n\ttab", "Ärger, 顔, 🙂\n\ttab"),
    ],
)
def test_what_a_terminal_would_obey_is_seen(text, seen):
    assert visible(text) == seen


def test_words_become_one_short_line():
    assert shown_text("a\nb  c") == "a b c"
    assert len(shown_text("x " * 10**6)) < 410
