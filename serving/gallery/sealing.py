"""Personal data in SQLite, kept where deleting it deletes all of it.

SQLite's `secure_delete` zeroes a page that becomes free and a cell that is deleted. It does not
zero the copies of cells that stay in the gaps of a page when cells move to a neighbouring page
(seen with 3.40: `tests/serving/gallery/test_deletion.py` shows it). The overflow pages of a long
value never move, and are zeroed whole when it is deleted. So what is personal is sealed: a value
with a front of zeros as long as what a cell can hold, and with an end of zeros that makes it a
length of which the cell holds the front alone. No index has it, and no column beside it.

https://www.sqlite.org/fileformat2.html, section 1.6, has the arithmetic.
"""

PAGE = 4096

# Of a value that does not fit into its page, a cell holds this or more.
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
_MOST_LOCAL = PAGE - 35
# What an overflow page holds.
_OVERFLOW = PAGE - 4
# The cell holds the least, if the last overflow page is to be fuller than this.
_FULL_ENOUGH = _MOST_LOCAL - _LEAST_LOCAL
# The record's header and its numbers, of which the length varies, take less than this.
_RECORD = 64
_LENGTH = 4
_FRONT = _LEAST_LOCAL

OFFSET = _FRONT + _LENGTH
"""Where the content of a sealed value begins."""


def seal(content: bytes) -> bytes:
    """A value to store in the last column of a table whose other columns are a few numbers."""
    least = OFFSET + len(content)
    # In the middle of the lengths that leave the least in the cell, whatever the header takes.
    target = _LEAST_LOCAL + (_FULL_ENOUGH + _OVERFLOW - _RECORD) // 2
    pages = max(0, -(-(least - target) // _OVERFLOW))
    length = len(content).to_bytes(_LENGTH, "little")
    return (bytes(_FRONT) + length + content).ljust(target + pages * _OVERFLOW, b"\0")


def unseal(value: bytes) -> bytes:
    """The content of what `seal` made."""
    length = int.from_bytes(value[_FRONT:OFFSET], "little")
    return value[OFFSET : OFFSET + length]
