"""Stands between one client and a proxy, passes everything on, and remembers it."""

import http.client
import http.server
import json
import re
import threading
import time

NOT_PASSED_ON = {"connection", "keep-alive", "transfer-encoding"}
PIECE_BYTES = 64 * 1024


class Call:
    """One request of the client. Times are those of time.monotonic()."""

    def __init__(self, target, body):
        self.asked = time.monotonic()
        self.target = target
        self.model = self._model(target, body)
        self.answered = None  # before the client has it
        self.status = 0
        self.retry_after = ""
        self.body = b""

    @staticmethod
    def _model(target, body):
        in_path = re.search(r"/models/([^:/?]+)", target)
        if in_path:
            return in_path[1]
        try:
            return json.loads(body).get("model", "")
        except (ValueError, AttributeError):
            return ""

    def details(self):
        """The details of an error by the last word of their type, whatever its shape."""
        error = json.loads(self.body)
        error = error[0] if isinstance(error, list) else error
        return {detail["@type"].rpartition(".")[2]: detail for detail in error["error"]["details"]}


class Recorder:
    """Listens on a free port of the loopback address until it is stopped."""

    def __init__(self, proxy_url):
        self.calls = []
        recorder, target = self, proxy_url.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except ConnectionError:
                    pass  # the client is gone; or the proxy, and then the call has no status

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                call = Call(self.path, body)
                recorder.calls.append(call)
                connection = http.client.HTTPConnection(target, timeout=60)
                try:
                    connection.putrequest(self.command, self.path, skip_host=True,
                                          skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        if name.lower() not in NOT_PASSED_ON:
                            connection.putheader(name, value)
                    connection.endheaders(body)
                    self.answer(call, connection.getresponse())
                finally:
                    connection.close()

            def answer(self, call, response):
                call.answered = time.monotonic()
                call.status = response.status
                call.retry_after = response.getheader("Retry-After", "")
                self.send_response_only(response.status, response.reason)
                for name, value in response.getheaders():
                    if name.lower() not in NOT_PASSED_ON:
                        self.send_header(name, value)
                chunked = response.getheader("Content-Length") is None
                if chunked:
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while piece := response.read1(PIECE_BYTES):
                    call.body += piece
                    framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
                    self.wfile.write(framed)
                if chunked:
                    self.wfile.write(b"0\r\n\r\n")

            do_GET = do_POST = pass_on

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever,
                                        kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
