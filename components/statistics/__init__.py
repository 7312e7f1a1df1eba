"""TFX's StatisticsGen, in folders of any name."""
