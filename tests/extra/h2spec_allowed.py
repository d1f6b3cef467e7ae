"""Tests of h2spec that may fail, each with its reason."""

# nghttpd, by nghttp2's authors, fails them too: a row sees that it fails these, and no other.
ALLOWED = {
    "Hypertext 5.1.1: Sends stream identifier that is numerically smaller than previous": (
        "libnghttp2 forgets closed streams, and cannot tell HEADERS on a stream that never was from"
        " HEADERS on one that it has just reset; it ignores both, once HPACK has read them."
        " Nothing of such a message is served"
    ),
}

# h2spec is wrong: a row of our own sees what it does not.
MISJUDGED = {
    "Hypertext 3.5: Sends invalid connection preface": (
        "a port declared `http` resets a connection whose first bytes are not HTTP. h2spec compares"
        " the error with a bare ECONNRESET, which Go wraps, and takes the connection for open"
    ),
}
