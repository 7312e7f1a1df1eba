"""What the lint has to say of a compiled pipeline."""

from dataclasses import dataclass
from typing import Literal

from groundfloor.text import shown_text


@dataclass(frozen=True)
class Finding:
    """One thing that a cluster would refuse, or run in another way than meant.

    Attributes:
      rule: name of the rule, such as "resolver".
      where: the part of the pipeline.
      message: what is wrong, and what would be right.
      severity: an error must not be submitted; a warning may be meant.
    """

    rule: str
    where: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where, message = shown_text(self.where), shown_text(self.message, limit=1000)
        return f"{self.severity}: {where}: {message} [{self.rule}]"
