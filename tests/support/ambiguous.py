"""Requests of which two servers could think differently where they end, or whose they are (RFC 9112 11.2).

Owns what is sent, and requests that are too long; HOST stands for the name of the site. Refuses to send it:
the web server is asked by itself, and on nodes through the proxy. Cannot fail.
"""

REFUSALS = (0, 400, 414, 421, 431, 501)
"""What an answer may be; 0: the connection was closed without one."""
AMBIGUOUS = {
    "two lengths": b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 3\r\n"
    b"Content-Length: 4\r\n\r\nabcd",
    "a length and chunks": b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is none": b"POST /login HTTP/1.1\r\nHost: HOST\r\nContent-Length: +3\r\n\r\nabc",
    "an unknown encoding": b"POST /login HTTP/1.1\r\nHost: HOST\r\n"
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n",
    "a feed that is bare": b"GET / HTTP/1.1\nHost: HOST\rX: y\n\n",
    "an end inside a header": b"GET / HTTP/1.1\r\nHost: HOST\r\nX: y\0z\r\n\r\n",
    "a folded header": b"POST /login HTTP/1.1\r\nHost: HOST\r\n"
    b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "a name with a blank": b"GET / HTTP/1.1\r\nHost : HOST\r\n\r\n",
    "another whole address": b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}

TOO_MUCH = {
    "a long address": b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: HOST\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: HOST\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
}
