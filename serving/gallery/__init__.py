"""A gallery: people who are enrolled, in one SQLite file, and searches for who a face is."""
