"""Measuring face recognition: embeddings or scores in; figures, thresholds and a report out."""
