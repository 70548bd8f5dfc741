"""A Gemini of our own that keeps every byte, and answers as badly as it is told to."""

import selectors
import socket
import threading

from messages import Malformed, read_message

WAIT_SECONDS = 10
READ_BYTES = 1 << 16
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{}\n"


class Script:
    """What is sent for a request, and whether the connection is closed behind it. `endless` is sent again and again."""

    def __init__(self, answer, close=False, endless=b""):
        self.answer = answer
        self.close = close
        self.endless = endless


class Request:
    def __init__(self, connection, message):
        self.connection = connection
        self.message = message
        self.target = message.target
        self.bytes = message.size


class Connection:
    def __init__(self, number, sock):
        self.number = number
        self.socket = sock
        self.unread = b""
        self.malformed = ""
        self.out = b""
        self.endless = b""
        self.close_after = False
        self.closed_by_peer = False


class Upstream:
    """Listens on a free port of the loopback address until it is stopped.

    One thread takes all that has come on every connection before it answers anything. So once a request is answered, what
    was sent here before it has been counted.
    """

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.bytes = 0
        self.requests = []
        self.connections = []
        self.scripts = {}
        self._changed = threading.Condition()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake_read, self._wake_write = socket.socketpair()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._stopping = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._stopping = True
        self._wake_write.send(b"x")
        self._thread.join()
        for connection in self.connections:
            connection.socket.close()
        for sock in (self._listener, self._wake_read, self._wake_write):
            sock.close()
        self._selector.close()

    def wait_for(self, condition):
        """True as soon as `condition()` holds; False when it does not in time."""
        with self._changed:
            return self._changed.wait_for(condition, WAIT_SECONDS)

    def send_now(self, connection, text):
        """On a connection where nothing is asked for."""
        with self._changed:
            connection.socket.send(text)

    def _run(self):
        while not self._stopping:
            ready = self._selector.select()
            with self._changed:
                fresh = [key.data for key, events in ready if key.data and events & selectors.EVENT_READ]
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        fresh += self._accept()
                for connection in fresh:
                    self._take(connection)
                for connection in fresh:
                    self._parse(connection)
                for key, events in ready:
                    if key.data and events & selectors.EVENT_WRITE:
                        self._send(key.data)
                self._changed.notify_all()

    def _accept(self):
        fresh = []
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return fresh
            sock.setblocking(False)
            # What is sent late is not to wait for the proxy to say something first.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(len(self.connections) + 1, sock)
            self.connections.append(connection)
            self._selector.register(sock, selectors.EVENT_READ, connection)
            fresh.append(connection)

    def _take(self, connection):
        while not connection.closed_by_peer:
            try:
                piece = connection.socket.recv(READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                piece = b""
            if not piece:
                connection.closed_by_peer = True
                self._forget(connection)
            self.bytes += len(piece)
            connection.unread += piece

    def _forget(self, connection):
        if connection.socket.fileno() in self._selector.get_map():
            self._selector.unregister(connection.socket)

    def _parse(self, connection):
        while connection.unread and not connection.malformed:
            try:
                message = read_message(connection.unread)
                if message is None:
                    return
                request = Request(connection, message)
            except Malformed as problem:
                connection.malformed = str(problem)
                return
            connection.unread = connection.unread[message.size:]
            self.requests.append(request)
            script = self.scripts.get(request.target.partition("?")[0], Script(PLAIN))
            connection.out += script.answer
            connection.endless = script.endless
            connection.close_after = connection.close_after or script.close
            self._send(connection)

    def _send(self, connection):
        try:
            while connection.out or connection.endless:
                connection.out = connection.out or connection.endless
                connection.out = connection.out[connection.socket.send(connection.out):]
        except BlockingIOError:
            if not connection.closed_by_peer:
                self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
            return
        except OSError:
            connection.out = connection.endless = b""
        if connection.closed_by_peer:
            return
        self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
        if connection.close_after:
            connection.socket.shutdown(socket.SHUT_WR)


class Window:
    """What reaches an upstream from now on."""

    def __init__(self, upstream):
        self.upstream = upstream
        with upstream._changed:
            self._bytes = upstream.bytes
            self._requests = len(upstream.requests)
            self._open = {connection.number: len(connection.unread) for connection in upstream.connections}
        self._left_out = []

    def leave_out(self, request):
        """It is not the attacker's."""
        self._left_out.append(request)

    def requests(self):
        return [request for request in self.upstream.requests[self._requests:] if request not in self._left_out]

    def bytes(self):
        return self.upstream.bytes - self._bytes - sum(request.bytes for request in self._left_out)

    def leftovers(self):
        """Connections with bytes that are no whole request."""
        return [connection for connection in self.upstream.connections
                if len(connection.unread) > self._open.get(connection.number, 0)]
