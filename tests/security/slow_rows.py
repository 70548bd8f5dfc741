"""Clients that are slow, and clients that are many, against proxies whose limits are small."""

import select
import time

from client import Client, DEADLINE_SECONDS
from rows import Row
from upstream import PLAIN, Script, Window

GET = b"GET /v1beta/x HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEAD_START = b"GET /v1beta/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
POST = b"POST /v1beta/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
POST_CHUNKED = b"POST /v1beta/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
UPLOAD = b"POST /upload/v1beta/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
DRIBBLE_SECONDS = 0.05
SLOW = {"HEAD_TIMEOUT_SECONDS": "1", "BODY_TIMEOUT_SECONDS": "1", "IDLE_TIMEOUT_SECONDS": "1",
        "WRITE_TIMEOUT_SECONDS": "1", "MIN_BODY_BYTES_PER_SECOND": "10000"}
OTHER_ADDRESS = "127.0.0.2"


class Slow:
    """`start` is sent at once, `dribbled` byte by byte. `status` None: the connection is closed without a word."""

    def __init__(self, name, start, dribbled=b"", status=408, cut=False):
        self.name = name
        self.start = start
        self.dribbled = dribbled
        self.status = status
        self.cut = cut


SLOW_CLIENTS = [
    Slow("connects and says nothing", b"", status=None),
    Slow("head stops half way", HEAD_START),
    Slow("head comes byte by byte", HEAD_START, dribbled=b"a" * 400),
    Slow("head comes field by field", GET[:-2], dribbled=b"X: 1\r\n" * 80),
    Slow("request line stops", b"GET /v1be"),
    Slow("body never begins", POST),
    Slow("body stops half way", POST + b"a" * 500),
    Slow("body comes byte by byte", POST, dribbled=b"a" * 400),
    Slow("chunked body stops in a size", POST_CHUNKED + b"3"),
    Slow("chunks of one byte", POST_CHUNKED, dribbled=b"1\r\na\r\n" * 80),
    Slow("an extension byte by byte", POST_CHUNKED + b"3;", dribbled=b"x" * 250),
    Slow("trailers byte by byte", POST_CHUNKED + b"0\r\nX: ", dribbled=b"x" * 400),
    Slow("streamed body stops half way", UPLOAD + b"a" * 500, cut=True),
    Slow("streamed body comes byte by byte", UPLOAD, dribbled=b"a" * 400, cut=True),
]


def run_slow(rig, proxy, slow):
    row = Row("slow clients", slow.name, slow.name)
    window = Window(rig.upstream)
    with Client(proxy.port) as client:
        client.send(slow.start)
        client.dribble(slow.dribbled, DRIBBLE_SECONDS)
        answer = client.read()
    row.answer = answer.text()
    row.require(answer.end in ("closed", "reset"), "the connection was due to be closed")
    row.require(answer.statuses == ([slow.status] if slow.status else []), f"{slow.status or 'no answer'} was due")
    barrier = rig.barrier(proxy.port)
    if barrier is None:
        row.problems.append("the next client was not served")
        return row
    window.leave_out(barrier)
    row.upstream_bytes = window.bytes()
    row.require(not window.requests(), "a request reached upstream")
    if slow.cut:
        row.reached = f"{row.upstream_bytes} bytes of a request that was broken off"
        row.require(rig.upstream.wait_for(lambda: all(connection.closed_by_peer for connection in window.leftovers())),
                    "it was not broken off")
    else:
        row.require(row.upstream_bytes == 0, "no byte was due to reach upstream")
    return row


def idle_after_an_answer(rig, proxy):
    row = Row("slow clients", "idle after an answer", "GET, then nothing")
    with Client(proxy.port) as client:
        client.send(GET)
        client.read(answers=1)
        answer = client.read()
    row.answer = answer.text()
    row.reached = "1 canonical request"
    row.require(answer.statuses == [200] and answer.end == "closed", "200 and the end were due")
    return row


def takes_nothing(rig, proxy):
    row = Row("slow clients", "takes nothing of its answer", "GET, and reads nothing")
    target = "/v1beta/endless"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    rig.upstream.scripts[target] = Script(head, endless=b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
    with Client(proxy.port) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        asked = lambda: [request for request in rig.upstream.requests if request.target == target]  # noqa: E731
        row.require(rig.upstream.wait_for(asked), "upstream was not asked")
        ended = rig.upstream.wait_for(lambda: asked() and asked()[0].connection.closed_by_peer)
        row.require(ended, "the request upstream was due to be broken off")
        answer = client.read()
    row.answer = answer.text()
    row.reached = "1 canonical request"
    row.require(answer.end in ("closed", "reset") and not answer.messages, "a broken answer was due")
    return row


def many(proxy, count, sources):
    clients = []
    for source in sources:
        clients += [Client(proxy.port, source) for _ in range(count)]
    return clients


def close_all(clients):
    for client in clients:
        client.close()


def per_address(rig):
    row = Row("many clients", "more connections than MAX_CONNECTIONS_PER_ADDRESS", "5 connections, 4 allowed")
    proxy = rig.start_proxy("proxy_address", {"MAX_CONNECTIONS_PER_ADDRESS": "4"})
    clients = many(proxy, 4, ["127.0.0.1"])
    try:
        for client in clients:
            client.send(GET)
            row.require(client.read(answers=1).statuses == [200], "those within the limit were due to be served")
        window = Window(rig.upstream)
        with Client(proxy.port) as client:
            client.send(GET)
            answer = client.read()
        row.answer = answer.text()
        row.require(answer.statuses == [503] and answer.end in ("closed", "reset"), "503 and the end were due")
        row.require(any(message.all(b"retry-after") for message in answer.messages), "Retry-After was due")
        barrier = rig.barrier(proxy.port, OTHER_ADDRESS)
        row.require(barrier is not None, "another address was due to be served")
        if barrier:
            window.leave_out(barrier)
        row.upstream_bytes = window.bytes()
        row.require(row.upstream_bytes == 0, "no byte was due to reach upstream")
    finally:
        close_all(clients)
    row.require(served_again(rig, proxy), "it did not recover")
    rig.stop_proxy(proxy)
    return row


def served_again(rig, proxy):
    """True as soon as a request is served, after what stood in the way has gone."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if rig.barrier(proxy.port) is not None:
            return True
        select.select([], [], [], 0.05)
    return False


def in_all(rig):
    row = Row("many clients", "more connections than MAX_CONNECTIONS", "5 connections, 4 allowed")
    proxy = rig.start_proxy("proxy_all", {"MAX_CONNECTIONS": "4"})
    clients = many(proxy, 2, ["127.0.0.1", OTHER_ADDRESS])
    try:
        for client in clients:
            client.send(GET)
            row.require(client.read(answers=1).statuses == [200], "those within the limit were due to be served")
        window = Window(rig.upstream)
        with Client(proxy.port) as waiting:
            waiting.send(GET)
            early = bool(select.select([waiting.socket], [], [], 0.5)[0])
            row.require(not early and window.bytes() == 0, "the one too many was due to wait")
            clients.pop().close()
            answer = waiting.read(answers=1)
        row.answer = f"waits, then {answer.text()}"
        row.reached = "1 canonical request, when one has left"
        row.upstream_bytes = window.bytes()
        row.require(answer.statuses == [200], "it was due to be served when another has left")
    finally:
        close_all(clients)
    row.require(served_again(rig, proxy), "it did not recover")
    rig.stop_proxy(proxy)
    return row


DESCRIPTORS = 64


def descriptors(rig):
    row = Row("many clients", "more connections than descriptors", f"{DESCRIPTORS} connections, {DESCRIPTORS} descriptors")
    proxy = rig.start_proxy("proxy_descriptors", {}, descriptors=DESCRIPTORS)
    row.require(rig.barrier(proxy.port) is not None, "it did not serve to begin with")
    window = Window(rig.upstream)
    clients = many(proxy, DESCRIPTORS, ["127.0.0.1"])
    try:
        with Client(proxy.port) as client:
            client.send(GET)
            answer = client.read()
        row.answer = answer.text()
        row.upstream_bytes = window.bytes()
        row.require(answer.statuses == [503] and answer.end in ("closed", "reset"), "503 and the end were due")
        row.require(row.upstream_bytes == 0, "no byte was due to reach upstream")
        # One that was let in while there were descriptors, with none left for upstream or one kept from before.
        clients[0].send(GET)
        inside = clients[0].read(answers=1)
        row.answer += f"; inside: {inside.text()}"
        row.require(inside.statuses in ([200], [503]), "200 or 503 was due to who was let in")
    finally:
        close_all(clients)
    row.require(served_again(rig, proxy), "it did not recover")
    rig.stop_proxy(proxy)
    return row


def run(rig, wanted):
    proxy = None
    for slow in SLOW_CLIENTS + [idle_after_an_answer, takes_nothing]:
        name = slow.name if isinstance(slow, Slow) else slow.__name__.replace("_", " ")
        if wanted("slow clients", name):
            proxy = proxy or rig.start_proxy("proxy_slow", SLOW)
            yield run_slow(rig, proxy, slow) if isinstance(slow, Slow) else slow(rig, proxy)
    for attack in [in_all, per_address, descriptors]:
        if wanted("many clients", attack.__name__.replace("_", " ")):
            yield attack(rig)
