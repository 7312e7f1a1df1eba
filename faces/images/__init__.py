"""One image: what it shows, and the pixels that the network sees."""
