"""An upstream that attacks: what the client sees of each answer, and whether its connection is used again."""

from client import Client
from rows import Row, shortened
from upstream import Script

OK = "HTTP/1.1 200 OK\r\n"
SIZED = "Content-Length: 3\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
INTERIM = "HTTP/1.1 100 Continue\r\n\r\n"
SECOND = f"HTTP/1.1 200 OK\r\nX-Poisoned: 1\r\n{SIZED}\r\nbad"

REFUSED, BROKEN, SERVED = "502", "a broken answer", "200, and the rest dropped"


class Hostile:
    """One answer. `late` is sent when the client has its answer. `again`: the connection may be used again."""

    def __init__(self, name, answer, wanted, close=False, late="", method="GET", again=False):
        self.name = name
        self.answer = answer.encode("latin-1")
        self.wanted = wanted
        self.close = close
        self.late = late.encode("latin-1")
        self.method = method
        self.again = again


def two_framings():
    yield Hostile("CL and TE", f"{OK}{SIZED}{CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n", REFUSED)
    yield Hostile("TE and CL", f"{OK}{CHUNKED}{SIZED}\r\n3\r\nabc\r\n0\r\n\r\n", REFUSED)
    yield Hostile("two different CL", f"{OK}{SIZED}Content-Length: 4\r\n\r\nabc", REFUSED)
    yield Hostile("two different CL in one field", f"{OK}Content-Length: 3, 4\r\n\r\nabc", REFUSED)
    for value in ["+3", "-3", "0x3", "03", "3 3", "", "three", "3.0", "9223372036854775808", "18446744073709551619"]:
        yield Hostile(f"CL: {value}", f"{OK}Content-Length: {value}\r\n\r\nabc", REFUSED)
    for value in ["gzip, chunked", "identity", "x", "chunked, chunked", "\"chunked\"", ""]:
        yield Hostile(f"TE: {value}", f"{OK}Transfer-Encoding: {value}\r\n\r\n3\r\nabc\r\n0\r\n\r\n", REFUSED)
    yield Hostile("TE twice", f"{OK}{CHUNKED}{CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n", REFUSED)
    yield Hostile("TE in HTTP/1.0", f"HTTP/1.0 200 OK\r\n{CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n", REFUSED)
    yield Hostile("CL twice, the same", f"{OK}{SIZED}{SIZED}\r\nabc", SERVED, again=True)


def heads():
    for name, head in {
        "bare LF everywhere": "HTTP/1.1 200 OK\nContent-Length: 3\n\n",
        "bare LF behind a field": f"{OK}X: 1\n{SIZED}\r\n",
        "bare CR in a value": f"{OK}X: 1\r2\r\n{SIZED}\r\n",
        "bare CR in the reason": f"HTTP/1.1 200 O\rK\r\n{SIZED}\r\n",
        "NUL in a value": f"{OK}X: 1\x002\r\n{SIZED}\r\n",
        "NUL in a name": f"{OK}X\0Y: 1\r\n{SIZED}\r\n",
        "NUL in the reason": f"HTTP/1.1 200 O\0K\r\n{SIZED}\r\n",
        "ESC in a value": f"{OK}X: \x1b[2J\r\n{SIZED}\r\n",
        "folded": f"{OK}X: 1\r\n 2\r\n{SIZED}\r\n",
        "folded behind the status line": f"{OK} X: 1\r\n{SIZED}\r\n",
        "space before the colon": f"{OK}Content-Length : 3\r\n\r\n",
        "no colon": f"{OK}X\r\n{SIZED}\r\n",
        "no name": f"{OK}: 1\r\n{SIZED}\r\n",
        "1 MB of fields": OK + f"X-A: {'a' * 1000}\r\n" * 1000 + f"{SIZED}\r\n",
        "1 MB in one field": f"{OK}X: {'a' * 1_000_000}\r\n{SIZED}\r\n",
        "1 MB without a line end": "HTTP/1.1 200 " + "a" * 1_000_000,
        "101 fields": OK + "".join(f"X-{i}: 1\r\n" for i in range(100)) + SIZED + "\r\n",
        "no HTTP at all": "220 smtp.example ESMTP\r\n\r\n",
        "no status": "HTTP/1.1 OK\r\n\r\n",
        "status of two digits": f"HTTP/1.1 20 OK\r\n{SIZED}\r\n",
        "status of four digits": f"HTTP/1.1 2000 OK\r\n{SIZED}\r\n",
        "status 099": f"HTTP/1.1 099 OK\r\n{SIZED}\r\n",
        "status 600": f"HTTP/1.1 600 OK\r\n{SIZED}\r\n",
        "status +20": f"HTTP/1.1 +20 OK\r\n{SIZED}\r\n",
        "two blanks before the status": f"HTTP/1.1  200 OK\r\n{SIZED}\r\n",
        "HTTP/2.0": f"HTTP/2.0 200 OK\r\n{SIZED}\r\n",
        "http/1.1": f"http/1.1 200 OK\r\n{SIZED}\r\n",
        "ICY": f"ICY 200 OK\r\n{SIZED}\r\n",
        "an empty line first": f"\r\n{OK}{SIZED}\r\n",
        "TLS": "\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + "\x01" * 100,
        "Connection that is no list of names": f"{OK}Connection: a b\r\n{SIZED}\r\n",
        "Connection that names Content-Encoding": f"{OK}Connection: content-encoding\r\nContent-Encoding: gzip\r\n{SIZED}\r\n",
    }.items():
        yield Hostile(name, head + "abc", REFUSED)
    yield Hostile("1000 times 100", INTERIM * 1000, REFUSED)
    yield Hostile("9 times 103 with fields", ("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 9) + f"{OK}{SIZED}\r\nabc",
                  REFUSED)
    yield Hostile("100 with a body", f"HTTP/1.1 100 Continue\r\n{SIZED}\r\nabc{OK}{SIZED}\r\nabc", REFUSED)
    yield Hostile("101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                                               "Upgrade: websocket\r\n\r\n", REFUSED)
    yield Hostile("cut in the head", f"{OK}Content-Len", REFUSED, close=True)
    yield Hostile("closed without an answer", "", REFUSED, close=True, method="POST")  # GET may be repeated
    yield Hostile("3 times 100, then an answer", f"{INTERIM * 3}{OK}{SIZED}\r\nabc", SERVED, again=True)


def bodies():
    for name, body in {
        "chunk size is no number": "zz\r\nabc\r\n0\r\n\r\n",
        "chunk size is negative": "-3\r\nabc\r\n0\r\n\r\n",
        "chunk size of 2^64 + 3": "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "chunk size ends with a bare LF": "3\nabc\r\n0\r\n\r\n",
        "chunk is longer than its size": "3\r\nabcdef\r\n0\r\n\r\n",
        "chunk is shorter than its size": "5\r\nabc\r\n0\r\n\r\n",
        "chunk extension of 300 bytes": f"3;{'x' * 300}\r\nabc\r\n0\r\n\r\n",
        "trailer without a colon": "3\r\nabc\r\n0\r\nX\r\n\r\n",
        "trailer of Content-Length": "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n",
        "trailers without an end": "3\r\nabc\r\n0\r\n" + "X: 1\r\n" * 10_000,
    }.items():
        yield Hostile(name, f"{OK}{CHUNKED}\r\n{body}", BROKEN)
        if name in ("chunk size is no number", "chunk is longer than its size"):
            yield Hostile(f"{name}, in a later chunk", f"{OK}{CHUNKED}\r\n3\r\nabc\r\n{body}", BROKEN)
    yield Hostile("sized, cut", f"{OK}Content-Length: 10\r\n\r\nabc", BROKEN, close=True)
    yield Hostile("sized, cut at once", f"{OK}Content-Length: 10\r\n\r\n", BROKEN, close=True)
    yield Hostile("chunked, cut between chunks", f"{OK}{CHUNKED}\r\n3\r\nabc\r\n", BROKEN, close=True)
    yield Hostile("chunked, cut in a chunk", f"{OK}{CHUNKED}\r\n5\r\nabc", BROKEN, close=True)
    yield Hostile("chunked, cut before the last line end", f"{OK}{CHUNKED}\r\n3\r\nabc\r\n0\r\n", BROKEN, close=True)


def extra_bytes():
    yield Hostile("a second answer behind a sized one", f"{OK}{SIZED}\r\nabc{SECOND}", SERVED)
    yield Hostile("a second answer behind the last chunk", f"{OK}{CHUNKED}\r\n3\r\nabc\r\n0\r\n\r\n{SECOND}", SERVED)
    yield Hostile("a second answer behind 204", f"HTTP/1.1 204 No Content\r\n\r\n{SECOND}", SERVED)
    yield Hostile("204 that announces a body", f"HTTP/1.1 204 No Content\r\n{SIZED}\r\nabc", SERVED)
    yield Hostile("a second answer behind 304", f"HTTP/1.1 304 Not Modified\r\n{SIZED}\r\n{SECOND}", SERVED)
    yield Hostile("a body in answer to HEAD", f"{OK}{SIZED}\r\nabc", SERVED, method="HEAD")
    yield Hostile("one byte behind the answer", f"{OK}{SIZED}\r\nabc\0", SERVED)
    yield Hostile("a second answer later", f"{OK}{SIZED}\r\nabc", SERVED, late=SECOND)
    yield Hostile("one byte later", f"{OK}{SIZED}\r\nabc", SERVED, late="\r")
    yield Hostile("HTTP/1.0 that stays open", f"HTTP/1.0 200 OK\r\n{SIZED}\r\nabc", SERVED)
    yield Hostile("Connection: close that stays open", f"{OK}Connection: close\r\n{SIZED}\r\nabc", SERVED)


GROUPS = {"upstream: two framings": two_framings, "upstream: heads": heads, "upstream: bodies": bodies,
          "upstream: extra bytes": extra_bytes}


def _judge(row, hostile, answer):
    if hostile.wanted == REFUSED:
        row.require(answer.statuses == [502] and not answer.rest, "502 was due")
    elif hostile.wanted == BROKEN:
        broken = answer.rest.startswith(b"HTTP/1.1 200 ") and not answer.messages and answer.end in ("closed", "reset")
        row.require(broken, "an answer that is visibly not whole was due")
    else:
        row.require(len(answer.statuses) == 1 and answer.statuses[0] in (200, 204, 304) and not answer.rest,
                    "the first answer and nothing else was due")
    everything = answer.rest + b"".join(message.body + message.first_line for message in answer.messages)
    poisoned = any(message.all(b"x-poisoned") for message in answer.messages) or b"Poisoned" in everything
    row.require(not poisoned and not answer.malformed, f"the client saw what upstream slipped in {answer.malformed}")


def run_hostile(rig, group, number, hostile):
    target = f"/v1beta/hostile/{number}"
    rig.upstream.scripts[target] = Script(hostile.answer, hostile.close)
    row = Row(group, hostile.name, shortened(hostile.answer))
    with Client(rig.proxy.port) as client:
        # No keep-alive is asked for away: a proxy that would send a second answer has every chance.
        client.send(f"{hostile.method} {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        has_body = hostile.method != "HEAD"
        answer = client.read(answers=1, has_body=has_body)
        row.answer = answer.text()
        seen = [request for request in rig.upstream.requests if request.target == target]
        row.upstream_bytes = sum(request.bytes for request in seen)
        row.require(len(seen) == 1, f"upstream was asked {len(seen)} times")
        if not seen:
            return row
        if hostile.late:
            rig.upstream.send_now(seen[0].connection, hostile.late)
        barrier = rig.barrier()
        if not hostile.again:
            row.require(rig.upstream.wait_for(lambda: seen[0].connection.closed_by_peer), "the proxy kept the connection")
        if answer.end == "open":
            # Whatever else might come to this client has come by now.
            client.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            after = client.read(answers=1 + len(answer.messages), has_body=has_body) if has_body else None
            row.require(after is None or len(after.messages) == 2 or after.end != "open", "a stray answer came")
    row.require(barrier is not None, "the next client was not served")
    again = barrier is not None and barrier.connection is seen[0].connection
    row.reached = "connection used again" if again else "connection not used again"
    row.require(again == hostile.again, "the connection was due to be used again" if hostile.again else "it was used again")
    _judge(row, hostile, answer)
    return row


def run(rig, wanted):
    number = 0
    for group, answers in GROUPS.items():
        for hostile in answers():
            number += 1
            if wanted(group, hostile.name):
                yield run_hostile(rig, group, number, hostile)
