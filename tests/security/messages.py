"""Messages of HTTP/1.1 as bytes: a reader that takes nothing it is not sure of, and what a request that the proxy sends must
look like."""

import re

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.1\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\t -~\x80-\xff]*\Z")
VALUE = re.compile(rb"[\t -~\x80-\xff]*\Z")
# Fields of one connection only, and those that a client may authenticate with.
NEVER_SENT = {b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect", b"authorization", b"cookie",
              b"x-goog-user-project"}
FRAMING = {b"host", b"content-length", b"transfer-encoding"}


class Malformed(Exception):
    pass


class Message:
    """One message: its first line, fields as (lower-case name, value), the decoded body, and how many bytes it took."""

    def __init__(self, raw_head):
        lines = raw_head.split(b"\r\n")
        if any(re.search(rb"[\r\n\0]", line) for line in lines):
            raise Malformed("a CR, LF or NUL alone in the head")
        self.first_line = lines[0]
        self.fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.match(name) or not VALUE.match(value):
                raise Malformed(f"the field line {line[:40]!r}")
            self.fields.append((name.lower(), value.strip(b" \t")))
        self.body = b""
        self.size = len(raw_head) + 4

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    @property
    def status(self):
        match = STATUS_LINE.match(self.first_line)
        if not match:
            raise Malformed(f"the status line {self.first_line[:40]!r}")
        return int(match[1])

    @property
    def target(self):
        match = REQUEST_LINE.match(self.first_line)
        if not match:
            raise Malformed(f"the request line {self.first_line[:40]!r}")
        return match[2].decode()


def _chunked(buffer, at):
    """The decoded body from `at` on and where it ends; None when it is not all there."""
    body = b""
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", buffer[at:end]):
            raise Malformed(f"the chunk size {buffer[at:end][:20]!r}")
        size = int(buffer[at:end], 16)
        at = end + 2 + size
        if len(buffer) < at + 2:
            return None
        if buffer[at:at + 2] != b"\r\n":
            raise Malformed("a chunk does not end where it says, or a trailer")
        body += buffer[end + 2:at]
        at += 2
        if size == 0:
            return body, at


def read_message(buffer, has_body=True, ends_with_connection=False):
    """The message at the start of `buffer`; None when it is not all there. `ends_with_connection`: what is here is all that
    comes, and a body without a length may end so."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    message = Message(buffer[:end])
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise Malformed("more than one field says where the body ends")
    if not has_body:
        return message
    if codings:
        if codings[0] != b"chunked":
            raise Malformed(f"Transfer-Encoding {codings[0]!r}")
        decoded = _chunked(buffer, message.size)
        if decoded is None:
            return None
        message.body, message.size = decoded
    elif lengths:
        if not re.fullmatch(rb"0|[1-9]\d{0,17}", lengths[0]):
            raise Malformed(f"Content-Length {lengths[0]!r}")
        size = message.size + int(lengths[0])
        if len(buffer) < size:
            return None
        message.body, message.size = buffer[message.size:size], size
    elif ends_with_connection:
        message.body, message.size = buffer[message.size:], len(buffer)
    return message


def problems_of(request, host, key, client_secret):
    """What is not as it has to be in a request that the proxy sent."""
    found = []
    names = [name for name, _ in request.fields]
    if request.all(b"host") != [host.encode()]:
        found.append(f"Host {request.all(b'host')}")
    if request.all(b"x-goog-api-key") != [key.encode()]:
        found.append("not exactly the pool's key")
    for name in sorted(set(names)):
        if name in NEVER_SENT or name.startswith(b"proxy-"):
            found.append(f"{name.decode()} was sent on")
        dashed = name.replace(b"_", b"-")
        if dashed != name and (dashed in NEVER_SENT | FRAMING or dashed == b"x-goog-api-key"):
            found.append(f"{name.decode()} shadows {dashed.decode()}")
    everything = b"\n".join([request.first_line, request.body] + [value for _, value in request.fields])
    if client_secret.encode() in everything:
        found.append("a credential of the client was sent on")
    if not re.match(r"(/|\*$)", request.target):
        found.append(f"the target {request.target!r}")
    return found
