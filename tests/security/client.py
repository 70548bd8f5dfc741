"""A client that sends what it is told to, byte for byte, and tells what came back."""

import re
import select
import socket
import time

from messages import Malformed, read_message

DEADLINE_SECONDS = 10
READ_BYTES = 1 << 16


class Answer:
    """What came back on one connection."""

    def __init__(self):
        self.messages = []  # final ones, whole
        self.interim = 0
        self.rest = b""     # what is no whole message
        self.malformed = ""
        self.end = ""       # "closed", "reset", "open", or "no end" when the time was up
        self.seconds = 0.0

    @property
    def statuses(self):
        return [message.status for message in self.messages]

    def text(self):
        """For people: "400, closed"."""
        parts = [str(status) for status in self.statuses]
        if self.malformed:
            parts.append(f"malformed: {self.malformed}")
        elif self.rest:
            parts.append(self.rest.split(b" ")[1][:3].decode("ascii", "replace") if b" " in self.rest else "?")
            parts.append("cut")
        return ", ".join((parts or ["nothing"]) + [self.end])


class Client:
    def __init__(self, port, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS, (source, 0))
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in = b""
        self._began = time.monotonic()
        self._end = ""

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, payload):
        """Sends all that the peer takes; what comes meanwhile is kept. False when the peer has closed."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while payload and not self._end and time.monotonic() < deadline:
            readable, writable, _ = select.select([self.socket], [self.socket], [], deadline - time.monotonic())
            if readable:
                self._take()
            try:
                if writable:
                    payload = payload[self.socket.send(payload):]
            except BlockingIOError:
                continue
            except OSError:
                self._take()
                break
        return not payload

    def dribble(self, payload, seconds):
        """Sends one byte of `payload` each so many seconds, until the peer answers, closes or all is sent."""
        for at in range(len(payload)):
            if select.select([self.socket], [], [], seconds)[0] or not self.send(payload[at:at + 1]):
                return

    def read(self, answers=None, has_body=True):
        """Reads until the peer has closed, or so many answers have come."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not self._end and time.monotonic() < deadline:
            if answers is not None:
                answer = self._parse("open", has_body)
                if len(answer.messages) >= answers or answer.malformed:
                    return answer
            if select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
                self._take()
        return self._parse(self._end or "no end", has_body)

    def _take(self):
        try:
            piece = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._end = self._end or "reset"
            return
        self._in += piece
        if not piece:
            self._end = "closed"

    def _parse(self, end, has_body):
        answer = Answer()
        answer.end = end
        answer.seconds = time.monotonic() - self._began
        rest = self._in
        try:
            while rest:
                bodyless = re.match(rb"HTTP/1\.1 (1\d\d|204|304)", rest)
                message = read_message(rest, has_body and not bodyless, ends_with_connection=end == "closed")
                if message is None:
                    break
                if message.status // 100 == 1:
                    answer.interim += 1
                else:
                    answer.messages.append(message)
                rest = rest[message.size:]
        except Malformed as problem:
            answer.malformed = str(problem)
        answer.rest = rest
        return answer
