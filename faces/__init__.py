"""Image data: sources, checking, decoding, splits, quarantine."""
