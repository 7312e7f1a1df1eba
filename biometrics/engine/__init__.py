"""All pairs of a set of images: scored, counted and ranked by blocks, in bounded memory."""
