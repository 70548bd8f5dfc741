"""What hostile clients send: each with what has to come of it."""

from rig import CLIENT_SECRET

GET = "GET /v1beta/x HTTP/1.1\r\n"
HOST = "Host: localhost\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
HIDDEN = "GET /v1beta/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Attack:
    """`status` None: it is served, and so many requests reach upstream, in the one form that cannot be misread. `body` is
    what the last of them carries; `absent`: a field that it must not have; `cut`: a part of the request may reach upstream,
    but never a whole one."""

    def __init__(self, name, payload, status=400, requests=1, body=None, absent=None, cut=False):
        self.name = name
        self.payload = payload.encode("latin-1")
        self.status = status
        self.requests = 0 if status else requests
        self.body = body
        self.absent = absent
        self.cut = cut


def served(name, payload, **more):
    return Attack(name, payload, status=None, **more)


def get(fields, line=GET):
    return f"{line}{HOST}{fields}\r\n"


def post(fields, body="", line="POST /v1beta/x HTTP/1.1\r\n"):
    return f"{line}{HOST}{fields}\r\n{body}"


def chunked(body, line="POST /v1beta/x HTTP/1.1\r\n"):
    return post(CHUNKED, body, line)


def two_framings():
    end = "0\r\n\r\n"
    for name, fields in {
        "CL then TE": "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "TE then CL": "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "TE in capitals, then CL": "TRANSFER-ENCODING: CHUNKED\r\nCONTENT-LENGTH: 5\r\n",
        "TE, then CL of 0": "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "TE of identity and CL": "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
        "empty TE and CL": "Transfer-Encoding:\r\nContent-Length: 5\r\n",
        "unknown TE and CL": "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        "TE twice": CHUNKED * 2,
        "TE chunked and identity in two fields": CHUNKED + "Transfer-Encoding: identity\r\n",
    }.items():
        yield Attack(name, post(fields, end))
    for value in ["identity", "gzip", "chunked, identity", "identity, chunked", "gzip, chunked", "chunked, chunked",
                  "chunked,", ",chunked", "chunked;q=1", "\"chunked\"", "'chunked'", "\x0bchunked", "chunked\x0b",
                  "\x0cchunked", "chunked\0", "\xa0chunked", "chunked\x85", "chunk", "xchunked", "x", "chunked chunked",
                  "chu\tnked"]:
        yield Attack(f"TE: {value.encode('unicode_escape').decode()}", post(f"Transfer-Encoding: {value}\r\n", end))
    yield Attack("TE in HTTP/1.0", chunked(end, "POST /v1beta/x HTTP/1.0\r\n"))
    yield Attack("TE behind a folded line", post("X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", end))
    yield Attack("TE folded onto the next line", post("Transfer-Encoding:\r\n chunked\r\n", end))
    yield Attack("TE behind a bare CR", post("X: y\rTransfer-Encoding: chunked\r\n", end))
    yield Attack("TE behind a bare LF", post("X: y\nTransfer-Encoding: chunked\r\n", end))
    yield Attack("TE with a space before the colon", post("Transfer-Encoding : chunked\r\n", end))
    yield Attack("TE with a tab before the colon", post("Transfer-Encoding\t: chunked\r\n", end))
    yield Attack("TE with a control byte in its name", post("Transfer\x08-Encoding: chunked\r\nContent-Length: 5\r\n", end))
    yield served("TE in mixed case", post("tRANSFER-eNCODING: cHUNKED\r\n", "3\r\nabc\r\n0\r\n\r\n"), body=b"abc")
    yield served("TE with blanks around", post("Transfer-Encoding:\t chunked \t\r\n", "3\r\nabc\r\n0\r\n\r\n"), body=b"abc")
    yield served("TE field named TE", post("TE: chunked\r\nContent-Length: 3\r\n", "abc"), body=b"abc", absent=b"te")


def lengths():
    for value in ["+3", "-3", "-0", "0x3", "3.0", "1e1", "03", "003", "00", "3,", ",3", "3, 3", "3 3", "3;", "three", "",
                  "\"3\"", "3\0", "\x0b3", "3\xa0", "\xb2", "3\t3", "9223372036854775808", "18446744073709551615",
                  "18446744073709551619", "99999999999999999999999999"]:
        yield Attack(f"CL: {value.encode('unicode_escape').decode()}", post(f"Content-Length: {value}\r\n", "abc"))
    yield Attack("CL twice, the same", post("Content-Length: 3\r\n" * 2, "abc"))
    yield Attack("CL twice, different", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"))
    yield Attack("CL twice, in other case", post("Content-Length: 3\r\ncontent-length: 3\r\n", "abc"))
    yield Attack("CL folded", post("Content-Length:\r\n 3\r\n", "abc"))
    yield Attack("CL with a space before the colon", post("Content-Length : 3\r\n", "abc"))
    yield Attack("CL of 2^63 - 1", post("Content-Length: 9223372036854775807\r\n"), status=413)
    yield Attack("CL of one byte over the limit", post("Content-Length: 104857601\r\n"), status=413)
    yield served("CL with blanks around", post("Content-Length: \t3 \r\n", "abc"), body=b"abc")
    yield served("CL of 0 with GET", get("Content-Length: 0\r\n"), body=b"")


def line_ends():
    yield Attack("bare LF everywhere", "GET /v1beta/x HTTP/1.1\nHost: localhost\n\n")
    yield Attack("bare LF behind the request line", "GET /v1beta/x HTTP/1.1\nHost: localhost\r\n\r\n")
    yield Attack("bare LF behind a field", get("X: 1\nY: 2\r\n"))
    yield Attack("bare LF as the empty line", f"{GET}{HOST}X: 1\r\n\n")
    yield Attack("CR LF LF", f"{GET}Host: localhost\r\n\n\r\n")
    yield Attack("LF CR", "GET /v1beta/x HTTP/1.1\n\rHost: localhost\n\r\n\r")
    yield Attack("bare CR everywhere", "GET /v1beta/x HTTP/1.1\rHost: localhost\r\r")
    yield Attack("bare CR in a value", get("X: 1\r2\r\n"))
    yield Attack("bare CR at the end of a value", get("X: 1\r\r\n"))
    yield Attack("bare CR in a name", get("X\rY: 1\r\n"))
    yield Attack("bare CR before the colon", get("X\r: 1\r\n"))
    yield Attack("bare CR in the target", get("", "GET /v1beta\r/x HTTP/1.1\r\n"))
    yield Attack("CR without LF at the end", f"{GET}{HOST}\rX: 1\r\n\r\n")
    yield Attack("an empty line first", f"\r\n{GET}{HOST}\r\n")
    yield Attack("a bare LF first", f"\n{GET}{HOST}\r\n")
    yield Attack("a blank first", f" {GET}{HOST}\r\n")
    yield Attack("folded with a space", get("X: 1\r\n 2\r\n"))
    yield Attack("folded with a tab", get("X: 1\r\n\t2\r\n"))
    yield Attack("folded behind the request line", f"{GET} X: 1\r\n{HOST}\r\n")
    yield Attack("folded Host", f"{GET}Host:\r\n localhost\r\n\r\n")
    yield Attack("a line of blanks as the empty line", f"{GET}{HOST} \r\n\r\n")
    yield served("percent-encoded CR LF in the target", get("", "GET /v1beta/x%0d%0aX-A:%201 HTTP/1.1\r\n"))
    yield served("NEL and other bytes over 0x7f in a value", get("X: a\x85b\xa0c\xe2\x80\xa8\r\n"))


def names():
    for name, line in {
        "space before the colon": "X : 1", "tab before the colon": "X\t: 1", "no colon": "X", "no name": ": 1",
        "space in the name": "X Y: 1", "parenthesis": "X(Y): 1", "at sign": "X@Y: 1", "slash": "X/Y: 1", "quote": "\"X\": 1",
        "bracket": "X[0]: 1", "brace": "{X}: 1", "comma": "X,Y: 1", "semicolon": "X;Y: 1", "equals": "X=1: 1",
        "NUL": "X\0Y: 1", "DEL": "X\x7f: 1", "over 0x7f": "X\xe9: 1", "no-break space before the colon": "X\xa0: 1",
        "ESC": "\x1bX: 1",
    }.items():
        yield Attack(f"name: {name}", get(f"{line}\r\n"))
    yield Attack("no Host", f"{GET}\r\n")
    yield Attack("Host twice", f"{GET}{HOST}{HOST}\r\n")
    yield Attack("Host twice, in other case", f"{GET}{HOST}hOST: other\r\n\r\n")
    for value in ["", "a b", "a/b", "user@a", "a, b", "a:b", "a:", "a:1:2", "a?b", "a#b", "a\\b", "a\tb", "[::1", "[x]",
                  "http://a", "a%00b", "\xe9"]:
        text = value.encode("unicode_escape").decode()
        if value == "a:":
            yield served(f"Host: {text}", f"{GET}Host: {value}\r\n\r\n")
        else:
            yield Attack(f"Host: {text}", f"{GET}Host: {value}\r\n\r\n")
    yield Attack("101 fields", get("".join(f"X-{i}: 1\r\n" for i in range(100))), status=431)
    yield Attack("33 KiB of fields", get(f"X: {'a' * 33 * 1024}\r\n"), status=431)
    yield Attack("1 MB of fields without an end", f"{GET}{HOST}X: {'a' * 1_000_000}", status=431)
    yield served("Host of somebody else", f"{GET}Host: evil.example\r\n\r\n")
    yield served("X-Forwarded-Host of somebody else", get("X-Forwarded-Host: evil.example\r\n"))


def control_bytes():
    for code in [*range(0x01, 0x09), 0x0b, 0x0c, *range(0x0e, 0x20), 0x7f, 0x00]:
        yield Attack(f"0x{code:02x} in a value", get(f"X: a{chr(code)}b\r\n"))
    for code in [0x00, 0x01, 0x09, 0x0b, 0x0c, 0x1b, 0x7f, 0x80, 0xff]:
        yield Attack(f"0x{code:02x} in the target", get("", f"GET /v1beta/x{chr(code)} HTTP/1.1\r\n"))
    for code in [0x00, 0x0b, 0x7f, 0x80]:
        yield Attack(f"0x{code:02x} in the method", get("", f"GE{chr(code)}T /v1beta/x HTTP/1.1\r\n"))
        yield Attack(f"0x{code:02x} in the version", get("", f"GET /v1beta/x HTTP/1.1{chr(code)}\r\n"))
    yield served("tab in a value", get("X: a\tb\r\n"))


def shadows():
    for name in ["Content_Length", "Transfer_Encoding", "TRANSFER_encoding", "Transfer_Encoding_", "x_goog_api_key",
                 "X-Goog_Api-Key", "x_goog_user_project", "keep_alive", "proxy_authorization", "proxy_connection",
                 "x_http_method_override", "Content_Type", "accept_encoding", "x_server_timeout"]:
        attack = Attack(f"{name} beside ours", post(f"{name}: {CLIENT_SECRET}\r\nContent-Length: 3\r\n", "abc"))
        if name == "Transfer_Encoding_":
            attack = served(f"{name} (no name of ours)", post(f"{name}: chunked\r\nContent-Length: 3\r\n", "abc"), body=b"abc")
        yield attack
    yield served("my_own_header", get("my_own_header: 1\r\n"))


def connection_named():
    for named in ["Content-Length", "Transfer-Encoding", "Host", "X-Goog-Api-Key", "Authorization", "Cookie",
                  "close, Content-Length", "keep-alive,, Host", "X-Goog-User-Project", "Content-Type", "Content-Encoding",
                  "Accept-Encoding", "X-Http-Method-Override", "X-Server-Timeout", "Expect"]:
        yield Attack(f"Connection: {named}", post(f"Connection: {named}\r\nContent-Type: a/b\r\nContent-Length: 3\r\n", "abc"))
    yield Attack("Connection names Content-Length in a second field",
                 post("Connection: close\r\nConnection: content-length\r\nContent-Length: 3\r\n", "abc"))
    for value in ["a b", "\"close\"", "close;x", "a/b", "@"]:
        yield Attack(f"Connection: {value}", get(f"Connection: {value}\r\n"))
    yield served("Connection: X-Foo", get("Connection: X-Foo\r\nX-Foo: 1\r\n"), absent=b"x-foo")
    yield served("Connection: keep-alive, X-FOO", get("Connection: keep-alive, X-FOO\r\nx-foo: 1\r\n"), absent=b"x-foo")
    yield served("Connection: TE, Trailer", get("Connection: TE, Trailer\r\nTE: trailers\r\nTrailer: X\r\n"), absent=b"te")
    yield served("an upgrade to h2c", get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                          "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), absent=b"http2-settings")
    yield served("Proxy-Connection and Proxy-Authorization",
                 get("Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\n"), absent=b"proxy-authorization")
    yield served("Keep-Alive", get("Keep-Alive: timeout=1000000\r\n"), absent=b"keep-alive")
