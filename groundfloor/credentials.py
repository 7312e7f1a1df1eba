"""Takes credentials out of what is kept, printed or pushed.

A store's user and password are given in the environment or in the address of the store; the address
that is recorded has none. `docs/design.md` says how the real one reaches whoever needs it.
"""

import re
from urllib.parse import unquote

HIDDEN = "***"

# What is named so holds a secret, whatever stands before it: `sslpassword`, `X-Amz-Signature`.
_NAME = (
    r"[\w.%-]*(?:passw(?:or)?d|passphrase|(?<![a-z])pwd|secret(?:[-_]?key)?|token|credential"
    r"|signature|(?<![a-z])sig|auth(?:orization)?|(?:api|access|account|private)[-_]?key(?:id)?)"
    r"(?:[-_.%\d][\w.%-]*)?"
)
# User and password of a URL. What follows the first `:` is a port, or a password, which may hold
# characters that it should not, among them `/` and `@`. Without a `:` it is a name or a token.
_USER_INFO = re.compile(
    r"(?<=://)(?:[^\s/?#:@'\"<>\[]*:(?!\d*(?:[/?#'\",)\s]|$))[^\s'\"<>]*@|[^\s/?#'\"<>]*@)"
)
_PARAMETER = re.compile(
    rf"(?P<name>(?<![\w.%-]){_NAME})(?P<is>['\"]?\s*[=:]\s*)"
    rf"(?!{re.escape(HIDDEN)}|Basic\b|Bearer\b)(?P<value>'[^']*'|\"[^\"]*\"|[^\s&;,'\"{{}}\[\]()]+)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"\b(?P<kind>Basic|Bearer)\s+(?P<value>[\w.~+/=-]{6,})")

# A shorter one would be found in every other word.
_MIN_SECRET = 4


def without_credentials(text: str, uri: str = "") -> str:
    """The text without users and passwords in URLs, and without the values of secret parameters.

    Args:
      text: a URI, or words that may hold some, such as the message of an error.
      uri: the address that the text is about, with its credentials; they are taken out wherever
        they stand, also where nothing shows what they are.
    """
    for secret in sorted(_secrets_of(uri), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _USER_INFO.sub("", text)
    text = _HEADER.sub(rf"\g<kind> {HIDDEN}", text)
    return _PARAMETER.sub(rf"\g<name>\g<is>{HIDDEN}", text)


def has_credentials(text: str) -> bool:
    """Whether `without_credentials` would take something out."""
    return without_credentials(text) != text


def _secrets_of(uri: str) -> set[str]:
    """The secrets in a URI, as they stand there and decoded."""
    raw = {match["value"].strip("'\"") for match in _PARAMETER.finditer(uri)}
    for match in _USER_INFO.finditer(uri):
        user, _, password = match[0].removesuffix("@").partition(":")
        raw.add(password or user)
    return {secret for value in raw for secret in (value, unquote(value)) if _is_long(secret)}


def _is_long(secret: str) -> bool:
    return len(secret) >= _MIN_SECRET
