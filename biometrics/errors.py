"""What the evaluator refuses to measure."""

from groundfloor.errors import UserError


class EvaluationError(UserError):
    """The figures asked for are undefined on these embeddings, labels, distances or settings."""
