"""The wiring: configuration, the DAG, and the runners."""
