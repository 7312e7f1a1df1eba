"""What the libraries and the steps stand on: errors, random draws, progress, text, paths."""
