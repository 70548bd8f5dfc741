"""Clients that attack: one row for each payload."""

import payloads
import payloads_more
from client import Client
from messages import problems_of
from rig import CLIENT_SECRET, KEY
from rows import Row, shortened
from upstream import Window

GROUPS = {
    "two framings": payloads.two_framings,
    "lengths": payloads.lengths,
    "line ends": payloads.line_ends,
    "names": payloads.names,
    "control bytes": payloads.control_bytes,
    "shadowing names": payloads.shadows,
    "named by Connection": payloads.connection_named,
    "chunks": payloads_more.chunks,
    "trailers": payloads_more.trailers,
    "targets": payloads_more.targets,
    "hidden requests": payloads_more.hidden,
    "credentials": payloads_more.credentials,
}


def _judge_refused(row, attack, answer, window):
    row.require(answer.statuses == [attack.status] and not answer.rest and not answer.malformed,
                f"{attack.status} and nothing else was due")
    row.require(answer.end in ("closed", "reset"), "the connection was due to be closed")
    closing = [value.lower() for message in answer.messages for value in message.all(b"connection")]
    row.require(b"close" in closing, "Connection: close was due")
    row.require(not window.requests(), "a request reached upstream")
    if attack.cut:
        row.reached = f"{row.upstream_bytes} bytes of a request that was broken off" if row.upstream_bytes else "nothing"
        row.require(all(connection.closed_by_peer for connection in window.leftovers()), "it was not broken off")
    else:
        row.require(row.upstream_bytes == 0, "no byte was due to reach upstream")


def _judge_served(row, attack, answer, window, rig):
    requests = window.requests()
    row.reached = f"{len(requests)} canonical request" + ("s" if len(requests) != 1 else "")
    row.require(answer.statuses == [200] * attack.requests and not answer.rest, f"{attack.requests} answers 200 were due")
    row.require(len(requests) == attack.requests, f"{attack.requests} requests were due upstream, {len(requests)} came")
    row.require(not window.leftovers(), "more than whole requests reached upstream")
    for request in requests:
        row.problems += problems_of(request.message, rig.upstream.host, KEY, CLIENT_SECRET)
        row.require("smuggled" not in request.target, "the hidden request reached upstream")
        if attack.absent:
            row.require(not request.message.all(attack.absent), f"{attack.absent.decode()} was sent on")
    if attack.body is not None and requests:
        row.require(requests[-1].message.body == attack.body, f"the body became {requests[-1].message.body[:40]!r}")


def run_attack(rig, group, attack):
    row = Row(group, attack.name, shortened(attack.payload))
    window = Window(rig.upstream)
    with Client(rig.proxy.port) as client:
        # Behind what is refused there is one more request, which must not be found there either.
        client.send(attack.payload + (payloads.HIDDEN.encode() if attack.status else b""))
        answer = client.read(answers=None if attack.status else attack.requests)
    row.answer = answer.text()
    barrier = rig.barrier()
    if barrier is None:
        row.problems.append("the next client was not served")
        return row
    window.leave_out(barrier)
    row.upstream_bytes = window.bytes()
    if attack.status:
        if attack.cut:
            rig.upstream.wait_for(lambda: all(connection.closed_by_peer for connection in window.leftovers()))
        _judge_refused(row, attack, answer, window)
    else:
        _judge_served(row, attack, answer, window, rig)
    return row


def run(rig, wanted):
    for group, attacks in GROUPS.items():
        for attack in attacks():
            if wanted(group, attack.name):
                yield run_attack(rig, group, attack)
