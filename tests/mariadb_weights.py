"""Weights of MariaDB's collation utf8mb4_general_ci, as a digest.

Made with MariaDB 10.11 by WEIGHT_STRING(c COLLATE utf8mb4_general_ci) of each character: the
weights of all of `BASIC_PLANE` as characters, in order, in UTF-8.
"""

BASIC_PLANE = "".join(chr(c) for c in range(0x20, 0xFFFE) if not 0xD800 <= c < 0xE000)
WEIGHTS_SHA256 = "f8c1932af0b5e2bb0fdc72a726ac57aa276959ce4578458133075c76be941826"
