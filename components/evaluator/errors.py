"""What the evaluator refuses to measure."""

from components.errors import UserError


class EvaluationError(UserError):
    """The figures asked for are undefined on these embeddings, labels, distances or settings."""
