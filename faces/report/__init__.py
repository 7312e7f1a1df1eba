<<<<<<< HEAD
"""Pages on images, for people who look at them."""
=======
"""The contact sheet: what is not used, and which pictures are copies, to look at."""
>>>>>>> 912a1a4 (Near duplicates are found, and the quarantine is a table and a page)
