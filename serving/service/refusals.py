"""Why a request is refused: one table of reasons, which the answers and the metrics share."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.exceptions import HTTPException

# Reason -> status.
STATUS = MappingProxyType(
    {
        "request": 400,  # something in it cannot be used
        "image": 400,  # an image of it cannot be used
        "token": 401,
        "origin": 403,  # another site's page, or a name that this service does not go by
        "unknown": 404,
        "enrolment": 409,  # what the gallery's rules do not take
        "body": 413,
        "rate": 429,
        "busy": 503,
        "timeout": 504,
    }
)


class Refusal(HTTPException):
    """A request is not answered; the message is for whoever sent it.

    Args:
      reason: a key of `STATUS`.
      message: one sentence.
      headers: of the answer.
    """

    def __init__(self, reason: str, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(STATUS[reason], message, headers)
        self.reason = reason


def reason_of(error: HTTPException) -> str:
    """A key of `STATUS`, also for what the framework itself refuses."""
    if isinstance(error, Refusal):
        return error.reason
    return "unknown" if error.status_code == STATUS["unknown"] else "request"
