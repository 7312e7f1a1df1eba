"""A pushed model as a web service: HTTP in front of the model, its thresholds and a gallery."""
