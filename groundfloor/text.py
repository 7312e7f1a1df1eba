"""Text from outside, on its way to a person: bounded, and without what a terminal would obey."""

import codecs
import reprlib
import unicodedata
from collections.abc import Sequence
from typing import Any

from groundfloor.credentials import without_credentials

_MAX_SHOWN = 120
_MAX_DIGITS = 40

# Categories of Unicode that show nothing and may do something: control characters, formats (among
# them the overrides of the direction), surrogates, private ones, and those that break lines.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


class _Short(reprlib.Repr):
    """Looks at no more of a value than it shows: an alias bomb is small until it is printed."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 4
        self.maxstring = self.maxother = 80

    def repr_int(self, number: int, level: int) -> str:
        """Python refuses to write numbers of more than 4,300 digits."""
        if abs(number) < 10**_MAX_DIGITS:
            return repr(number)
        return f"a whole number of {number.bit_length() * 30103 // 100000 + 1} digits or so"

    def repr_str(self, text: str, level: int) -> str:
        """Without credentials, which may lie across the place where it is cut."""
        return super().repr_str(without_credentials(text[:10_000]), level)


_SHORT = _Short()


def shown(value: Any) -> str:
    """A received value as an error message shows it: one short line, without credentials."""
    text = visible(_SHORT.repr(value)).replace("\n", "\\n")
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def shown_text(text: str, limit: int = 400) -> str:
    """Words from outside as a message repeats them: one line, bounded, without credentials."""
    line = visible(without_credentials(" ".join(text[: 20 * limit].split())))
    return line if len(line) <= limit else f"{line[:limit]}..."


def visible(text: str) -> str:
    r"""Escapes what a terminal would obey, such as ESC to `\x1b`; newlines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(map(_visible_character, text))


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 where its first two bytes say so; without their mark.

    Raises:
      UnicodeDecodeError: it is neither.
    """
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8-sig")


def delimiter_of(line: str) -> str:
    """What separates the columns of a table: a tab where there is one, else `;` or the comma."""
    if "\t" in line:
        return "\t"
    return ";" if line.count(";") > line.count(",") else ","


def _visible_character(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in _INVISIBLE:
        return character
    return character.encode("unicode_escape").decode("ascii")


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names for a message, as Python writes them; of many the first, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more
