"""Pages on images, for people who look at them."""
