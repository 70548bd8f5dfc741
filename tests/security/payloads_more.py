"""More of what hostile clients send: chunks, trailers, targets, hidden requests, credentials."""

from payloads import CHUNKED, GET, HIDDEN, HOST, Attack, chunked, get, post, served
from rig import CLIENT_SECRET

UPLOAD = "POST /upload/v1beta/files HTTP/1.1\r\n"
LAST = "0\r\n\r\n"

BAD_CHUNKS = {
    "size is no number": "zz\r\nabc\r\n" + LAST,
    "size is empty": "\r\nabc\r\n" + LAST,
    "size is negative": "-3\r\nabc\r\n" + LAST,
    "size has a plus": "+3\r\nabc\r\n" + LAST,
    "size has 0x": "0x3\r\nabc\r\n" + LAST,
    "size has an underscore": "0_3\r\nabc\r\n" + LAST,
    "size has a dot": "3.\r\nabc\r\n" + LAST,
    "space before the size": " 3\r\nabc\r\n" + LAST,
    "space behind the size": "3 \r\nabc\r\n" + LAST,
    "tab behind the size": "3\t\r\nabc\r\n" + LAST,
    "size of 2^63": "8000000000000000\r\nabc\r\n" + LAST,
    "size of 2^64 + 3": "10000000000000003\r\nabc\r\n" + LAST,
    "size of 2^64 - 1": "ffffffffffffffff\r\nabc\r\n" + LAST,
    "size of a million zeros": "0" * 1_000_000,
    "size ends with a bare LF": "3\nabc\r\n" + LAST,
    "size ends with a bare CR": "3\rabc\r\n" + LAST,
    "size ends with CR CR LF": "3\r\r\nabc\r\n" + LAST,
    "data is longer than the size": "3\r\nabcd\r\n" + LAST,
    "data is shorter than the size": "5\r\nabc\r\n" + LAST,
    "data ends with a bare LF": "3\r\nabc\n" + LAST,
    "data ends with a bare CR": "3\r\nabc\r" + LAST,
    "data has no end": "3\r\nabc" + LAST,
    "extension of 257 bytes": "3;" + "x" * 257 + "\r\nabc\r\n" + LAST,
    "extension without an end": "3;" + "x" * 1_000_000,
    "extension with a bare LF": "3;a\nb\r\nabc\r\n" + LAST,
    "extension with a bare CR": "3;a\rb\r\nabc\r\n" + LAST,
    "extension with NUL": "3;a\0b\r\nabc\r\n" + LAST,
    "extensions many times the data": ("1;" + "x" * 200 + "\r\na\r\n") * 1000 + LAST,
    "last chunk ends with a bare LF": "3\r\nabc\r\n0\n\r\n",
}
BAD_TRAILERS = {
    "without a colon": "X",
    "without a name": ": 1",
    "folded": "X: 1\r\n 2",
    "folded at once": " X: 1",
    "space before the colon": "X : 1",
    "name with a parenthesis": "X(Y): 1",
    "bare LF": "X: 1\nY: 2",
    "bare CR": "X: 1\rY: 2",
    "NUL": "X: a\0b",
    "Content-Length": "Content-Length: 5",
    "Transfer-Encoding": "transfer-encoding: chunked",
    "Host": "HOST: evil.example",
    "a credential": f"X-Goog-Api-Key: {CLIENT_SECRET}",
    "a credential in other letters": f"x_goog_api_key: {CLIENT_SECRET}",
    "9 KiB": "X: " + "a" * 9 * 1024,
    "a request": "GET /v1beta/smuggled HTTP/1.1\r\nHost: localhost",
}


def chunks():
    for name, body in BAD_CHUNKS.items():
        yield Attack(name, chunked(body))
    for name in ["size is no number", "size of 2^64 + 3", "data is longer than the size", "extension of 257 bytes"]:
        yield Attack(f"streamed: {name}", chunked("2\r\nok\r\n" + BAD_CHUNKS[name], UPLOAD), cut=True)
    yield served("sizes with zeros in front, capitals", chunked("0003\r\nabc\r\n000000A\r\n0123456789\r\n000\r\n\r\n"),
                 body=b"abc0123456789")
    yield served("short extensions", chunked("3;a=b;c=\"d\"\r\nabc\r\n0;e\r\n\r\n"), body=b"abc")
    yield served("streamed: short extensions", chunked("3;a=b\r\nabc\r\n0;e\r\n\r\n", UPLOAD), body=b"abc")


def trailers():
    for name, text in BAD_TRAILERS.items():
        yield Attack(name, chunked(f"3\r\nabc\r\n0\r\n{text}\r\n\r\n"))
    yield Attack("streamed: without a colon", chunked("3\r\nabc\r\n0\r\nX\r\n\r\n", UPLOAD), cut=True)
    yield Attack("streamed: Content-Length", chunked("3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\n", UPLOAD), cut=True)
    yield served("a harmless one", chunked("3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"), body=b"abc", absent=b"x-checksum")
    yield served("streamed: a harmless one", chunked("3\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n", UPLOAD), body=b"abc",
                 absent=b"x-checksum")


def targets():
    for name, line in {
        "absolute form, another host": "GET http://evil.example/v1beta/x HTTP/1.1",
        "absolute form, our host": "GET http://localhost/v1beta/x HTTP/1.1",
        "absolute form, https": "GET https://localhost/v1beta/x HTTP/1.1",
        "absolute form, user information": "GET http://localhost@evil.example/ HTTP/1.1",
        "absolute form, other scheme": "GET file:///etc/passwd HTTP/1.1",
        "authority form": "GET evil.example:80 HTTP/1.1",
        "authority form with @": "GET @evil.example/x HTTP/1.1",
        "CONNECT": "CONNECT evil.example:443 HTTP/1.1",
        "connect in small letters": "connect evil.example:443 HTTP/1.1",
        "CONNECT in origin form": "CONNECT /v1beta/x HTTP/1.1",
        "* with GET": "GET * HTTP/1.1",
        "a backslash first": "GET \\v1beta\\x HTTP/1.1",
        "no slash first": "GET v1beta/x HTTP/1.1",
        "a question mark first": "GET ?x HTTP/1.1",
        "empty": "GET  HTTP/1.1",
        "a fragment": "GET /v1beta/x#y HTTP/1.1",
        "a space inside": "GET /v1beta/x y HTTP/1.1",
        "two spaces before": "GET  /v1beta/x HTTP/1.1",
        "two spaces behind": "GET /v1beta/x  HTTP/1.1",
        "tabs for spaces": "GET\t/v1beta/x\tHTTP/1.1",
        "no version": "GET /v1beta/x",
        "blank behind the version": "GET /v1beta/x HTTP/1.1 ",
        "version in small letters": "GET /v1beta/x http/1.1",
        "version with another name": "GET /v1beta/x HTTPS/1.1",
        "version 1.10": "GET /v1beta/x HTTP/1.10",
        "version 01.1": "GET /v1beta/x HTTP/01.1",
        "two versions": "GET /v1beta/x HTTP/1.1 HTTP/1.1",
        "..": "GET /v1beta/../admin/status HTTP/1.1",
        ".. encoded": "GET /v1beta/%2e%2e/admin/status HTTP/1.1",
        ".. with an encoded slash": "GET /v1beta/..%2fadmin HTTP/1.1",
        "our page, encoded": "GET /%61dmin/status HTTP/1.1",
        "our page, two slashes": "GET //admin/status HTTP/1.1",
        "our page, encoded slash": "GET /admin%2fstatus HTTP/1.1",
    }.items():
        yield Attack(name, get("", line + "\r\n"), status=505 if name == "version 01.1" else 400)
    yield Attack("HTTP/2.0", get("", "GET /v1beta/x HTTP/2.0\r\n"), status=505)
    yield Attack("HTTP/1.2", get("", "GET /v1beta/x HTTP/1.2\r\n"), status=505)
    yield Attack("HTTP/0.9", get("", "GET /v1beta/x HTTP/0.9\r\n"), status=505)
    yield Attack("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    yield Attack("TLS on the plain port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x01" * 600)
    yield Attack("9 KiB", get("", f"GET /{'a' * 9 * 1024} HTTP/1.1\r\n"), status=414)
    yield Attack("1 MB without an end", f"GET /{'a' * 1_000_000}", status=414)
    yield Attack("TRACE", get("", "TRACE /v1beta/x HTTP/1.1\r\n"), status=501)
    yield Attack("method of 33 bytes", get("", f"{'M' * 33} /v1beta/x HTTP/1.1\r\n"))
    yield served("two slashes and a host", get("", "GET //evil.example/v1beta/x HTTP/1.1\r\n"))
    yield served("a URL in the path", get("", "GET /http://evil.example/x HTTP/1.1\r\n"))
    yield served("@ in the path", get("", "GET /@evil.example/x HTTP/1.1\r\n"))


def hidden():
    length = f"Content-Length: {len(HIDDEN)}\r\n"
    whole = f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n{LAST}"
    yield served("a request in a sized body", post(length, HIDDEN), body=HIDDEN.encode())
    yield served("a request in a chunk", chunked(whole), body=HIDDEN.encode())
    yield served("a request in the body of a GET", get(length) + HIDDEN, body=HIDDEN.encode())
    yield served("a request in the body of a DELETE", get(length, "DELETE /v1beta/x HTTP/1.1\r\n") + HIDDEN,
                 body=HIDDEN.encode())
    yield served("a request in a streamed body", post(length, HIDDEN, UPLOAD), body=HIDDEN.encode())
    yield served("a request in a streamed chunk", chunked(whole, UPLOAD), body=HIDDEN.encode())
    yield served("a request behind Connection: close", get("Connection: close\r\n") + HIDDEN)
    yield served("a request behind HTTP/1.0", get("", "GET /v1beta/x HTTP/1.0\r\n") + HIDDEN)
    yield Attack("a request behind a body that is too large", post("Content-Length: 104857601\r\n") + HIDDEN, status=413)
    yield Attack("a request behind an unknown Expect", post("Expect: 200-ok\r\nContent-Length: 3\r\n", "abc"), status=417)
    yield served("a body that does not wait for 100", post("Expect: 100-continue\r\nContent-Length: 3\r\n", "abc"), body=b"abc",
                 absent=b"expect")
    yield served("two requests at once, each its own", f"{GET}{HOST}\r\n" * 2, requests=2)
    yield served("a WebSocket where there is none", get("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                                        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n") + f"{GET}{HOST}\r\n",
                 requests=2, absent=b"upgrade")
    yield served("a body with GET and chunks", get(CHUNKED) + whole, body=HIDDEN.encode())


def credentials():
    for name, line in {
        "key in the query": "GET /v1beta/x?key=SECRET HTTP/1.1",
        "key in the query, encoded": "GET /v1beta/x?%6b%65y=SECRET HTTP/1.1",
        "key in the query, twice": "GET /v1beta/x?key=SECRET&a=b&key=SECRET HTTP/1.1",
        "key in the query with a dollar": "GET /v1beta/x?%24key=SECRET HTTP/1.1",
        "access_token in the query": "GET /v1beta/x?access_token=SECRET HTTP/1.1",
    }.items():
        yield served(name, get("", line.replace("SECRET", CLIENT_SECRET) + "\r\n"))
    for field in ["x-goog-api-key", "X-GOOG-API-KEY", "Authorization", "Cookie", "X-Goog-User-Project", "Proxy-Authorization"]:
        yield served(f"{field} twice", get(f"{field}: {CLIENT_SECRET}\r\n" * 2))
