"""A small RESP server whose flaw only shows under concurrency, to test that dst finds it.

usage: racing.py PORT FLAW

It knows SET, GET, INCR, FLUSHALL, DBSIZE, INFO, PING. FLAW is one of
increment (INCR reads, waits, and writes), cache (each connection keeps what it has read for a while), none.
"""

import socketserver
import sys
import threading
import time

STORE = {}
LOCK = threading.Lock()
PORT, FLAW = int(sys.argv[1]), sys.argv[2]


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def increment(key):
    number = int(STORE.get(key, b"0")) + 1
    if FLAW == "increment":
        time.sleep(0.0005)
    STORE[key] = b"%d" % number
    return b":%d\r\n" % number


def answer(args, cache):
    name = args[0].upper()
    if name == b"INCR" and FLAW == "increment":
        return increment(args[1])
    with LOCK:
        if name == b"PING":
            return b"+PONG\r\n"
        if name == b"SET" and len(args) == 3:
            STORE[args[1]] = args[2]
            return b"+OK\r\n"
        if name == b"GET":
            if FLAW != "cache":
                return bulk(STORE.get(args[1]))
            until, value = cache.get(args[1], (0, None))
            if time.monotonic() >= until:
                until, value = cache[args[1]] = (time.monotonic() + 0.005, STORE.get(args[1]))
            return bulk(value)
        if name == b"INCR":
            return increment(args[1])
        if name == b"FLUSHALL":
            STORE.clear()
            return b"+OK\r\n"
        if name == b"DBSIZE":
            return b":%d\r\n" % len(STORE)
        if name == b"INFO":
            return bulk(b"# Keyspace\r\n" + (b"db0:keys=%d,expires=0\r\n" % len(STORE) if STORE else b""))
    return b"-ERR unknown command '%s', with args beginning with: \r\n" % args[0]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        cache = {}
        while line := self.rfile.readline():
            args = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                args.append(self.rfile.read(length + 2)[:-2])
            self.wfile.write(answer(args, cache))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", PORT), Handler).serve_forever()
