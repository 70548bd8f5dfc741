"""How much later an event of a stream comes through the proxy than straight from upstream.

An upstream of its own sends server-sent events at irregular moments, each with the time of its sending inside. The same client reads the
same number of them in turn straight from it and through the proxy, on the same clock.
"""

import http.server
import json
import random
import socket
import statistics
import threading
import time
import urllib.parse

EVENTS = 200
PAUSES_MS = (1, 40)
SEED = 20261124


class _Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        dice = random.Random(SEED)
        for _ in range(EVENTS):
            time.sleep(dice.uniform(*PAUSES_MS) / 1000)
            event = b'data: {"sent_ns": %d}\r\n\r\n' % time.monotonic_ns()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")


class Upstream:
    """Listens on a free port of the loopback address until it is stopped."""

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def delays_ms(url):
    """Of every event of one stream: from its sending to its arrival here."""
    place = urllib.parse.urlsplit(url)
    body = json.dumps({"contents": [{"parts": [{"text": "Hello"}]}]}).encode()
    head = (f"POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"x-goog-api-key: pool\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n")
    found, buffer = [], b""
    with socket.create_connection((place.hostname, place.port), timeout=60) as connection:
        connection.sendall(head.encode() + body)
        while b"\r\n0\r\n\r\n" not in buffer:
            piece = connection.recv(65536)
            now = time.monotonic_ns()
            if not piece:
                raise RuntimeError(f"{url} ended the stream early: {buffer[:300]!r}")
            buffer += piece
            while (end := buffer.find(b"}\r\n\r\n")) >= 0 and (start := buffer.rfind(b'{"sent_ns": ', 0, end)) >= 0:
                found.append((now - json.loads(buffer[start:end + 1])["sent_ns"]) / 1e6)
                buffer = buffer[end + 1:]
    if len(found) != EVENTS:
        raise RuntimeError(f"{url}: {len(found)} events of {EVENTS}")
    return found


def compare(upstream_url, proxy_url, rounds):
    """Prints the delay of both, and by how much the proxy is later."""
    straight, through = [], []
    for _ in range(rounds):
        straight += delays_ms(upstream_url)
        through += delays_ms(proxy_url)
    for name, values in (("straight", straight), ("through the proxy", through)):
        values.sort()
        print(f"  {name:<18} median {statistics.median(values):.2f} ms, 99 % {values[int(len(values) * 0.99)]:.2f} ms, "
              f"most {values[-1]:.2f} ms")
    print(f"  added by the proxy: median {statistics.median(through) - statistics.median(straight):.2f} ms of "
          f"{len(through)} events")
