"""Why an image is not used: few words that stay the same, by which the table is counted.

What exactly is wrong is the detail beside it, a sentence that may say anything.
"""

EMPTY = "empty"
TRUNCATED = "truncated"
BROKEN = "broken"
NOT_AN_IMAGE = "not an image"
NOT_READ = "format not read"
UNDEFINED = "look not defined"
TOO_LARGE = "too large"
UNREADABLE = "unreadable"
BAD_NAME = "name not UTF-8"
NO_FACE = "no usable face"
REFUSED = "refused by the source"
OTHER = "other"

# Not a file that cannot be used: a picture that another split has as well.
NEAR_DUPLICATE = "near duplicate"
