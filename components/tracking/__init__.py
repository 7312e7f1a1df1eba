"""MLflow: one run for one trained model, begun by the trainer and completed by later steps."""
