"""What the features of all clients share."""

import itertools
import os

MODEL = "gemini-2.5-flash"
EMBEDDING_MODEL = "gemini-embedding-001"
# A model whose streams the fake ends after two pieces, without the end of the body.
CUT_MODEL = os.environ["CUT_MODEL"]
# One whose streams go no further than their first piece.
HANG_MODEL = os.environ["HANG_MODEL"]

FILE_BYTES = 20 * 1024 * 1024
FILE_USES = 12
# How often a client comes back to what it keeps at Google: more often than there are projects.
USES = 6

_proxies = itertools.cycle(os.environ["PROXIES"].split(","))
# The same proxies by HTTPS.
_tls_proxies = itertools.cycle(os.environ["TLS_PROXIES"].split(","))


def next_proxy():
    """The other proxy than the one before."""
    return next(_proxies)


def next_tls_proxy():
    return next(_tls_proxies)


WEATHER = {"name": "weather", "description": "The weather in a city.",
           "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def expect_cut(pieces):
    """A stream that upstream cuts must not look complete."""
    try:
        for _ in pieces:
            pass
    except Exception:
        return
    raise AssertionError("the stream seemed complete")


def abort(pieces):
    """Leaves after the first piece."""
    for _ in pieces:
        return pieces.close()
    raise AssertionError("no piece came")
