"""Who may use a service: tokens, and where it may listen without any."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from pathlib import Path

from groundfloor.errors import UserError

TOKEN_VARIABLE = "ARCFACE_API_TOKEN"

# Shorter ones are guessed.
_MIN_LENGTH = 16


class Tokens:
    """The tokens of a service; kept as digests, so that nothing can print them.

    Args:
      tokens: those that are taken; none: everybody may.
    """

    def __init__(self, tokens: Iterable[str] = ()):
        self._digests = [_digest(token.encode()) for token in tokens]

    def __bool__(self) -> bool:
        """Whether a token is asked for."""
        return bool(self._digests)

    def holder(self, authorization: bytes) -> str | None:
        """Who sends a header `Authorization: Bearer <token>`: a name for a valid token, or None.

        The time that it takes tells nothing of the tokens.
        """
        scheme, _, token = authorization.partition(b" ")
        given = _digest(token.strip())
        equal = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != b"bearer" or not any(equal):
            return None
        return f"token {equal.index(True)}"


def read_tokens(environment: Mapping[str, str], file: Path | None = None) -> Tokens:
    """The tokens of a file, one a line, and that of the environment.

    Raises:
      UserError: the file cannot be read or has none, or one can be guessed or never be sent.
    """
    tokens = [environment[TOKEN_VARIABLE]] if environment.get(TOKEN_VARIABLE) else []
    if file is not None:
        tokens += _lines(file)
    for token in tokens:
        if len(token) < _MIN_LENGTH or not token.isascii() or any(map(str.isspace, token)):
            raise UserError(
                f"a token is at least {_MIN_LENGTH} ASCII characters without spaces, such as "
                f"`openssl rand -hex 32` prints: look at {file or TOKEN_VARIABLE}"
            )
    return Tokens(tokens)


def _lines(file: Path) -> list[str]:
    try:
        tokens = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8"
        raise UserError(f"cannot read the tokens of {file}: {reason}") from None
    tokens = [token.strip() for token in tokens if token.strip()]
    if not tokens:
        raise UserError(f"{file} has no token: put one on each line")
    return tokens


def require_token_or_loopback(host: str, tokens: Tokens) -> None:
    """Lets a service without tokens be reached from its own machine only.

    Raises:
      UserError: it would be reached from others.
    """
    if not tokens and not is_loopback(host):
        raise UserError(
            f"--host {host} can be reached from other machines, and there is no token: set "
            f"{TOKEN_VARIABLE} or --token-file, or listen at 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Whether an address, or `localhost`, is this machine as only itself sees it."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
