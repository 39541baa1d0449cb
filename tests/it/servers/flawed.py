"""A small RESP server with flaws, to test how dst goes on after them.

usage: flawed.py PORT

It knows SET, GET, KEYS, TYPE, FLUSHALL, INFO, ECHO, PING, and in place of an honest answer:
HANG (never answers), DIE (ends the process, with earlier replies unsent), HANGUP (closes the connection),
BABBLE (sends what is no RESP), TWICE (answers twice), BIG n (n bytes), KEYS where
there is a key "trap" (ends the process), SPAWN (starts a child that would outlive it).
"""

import os
import socketserver
import subprocess
import sys
import time

STORE = {}


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def answer(args):
    name = args[0].upper().decode()
    if name == "PING":
        return b"+PONG\r\n"
    if name == "ECHO":
        return bulk(args[1])
    if name == "SET":
        STORE[args[1]] = args[2]
        return b"+OK\r\n"
    if name == "GET":
        return bulk(STORE.get(args[1]))
    if name == "FLUSHALL":
        STORE.clear()
        return b"+OK\r\n"
    if name == "INFO":
        keys = b"db0:keys=%d,expires=0\r\n" % len(STORE) if STORE else b""
        return bulk(b"# Keyspace\r\n" + keys)
    if name == "SELECT":
        return b"+OK\r\n" if args[1] == b"0" else b"-ERR DB index is out of range\r\n"
    if name == "KEYS":
        if b"trap" in STORE:
            os._exit(7)
        return b"*%d\r\n" % len(STORE) + b"".join(bulk(key) for key in STORE)
    if name == "TYPE":
        return b"+string\r\n" if args[1] in STORE else b"+none\r\n"
    if name == "TWICE":
        return b"+OK\r\n+OK\r\n"
    if name == "BABBLE":
        return b"what is this?\r\n"
    if name == "BIG":
        return bulk(b"x" * int(args[1]))
    if name == "SPAWN":
        child = subprocess.Popen(["sleep", "600"])
        return b":%d\r\n" % child.pid
    if name == "HANG":
        time.sleep(600)
    if name == "DIE":
        os._exit(7)
    return b"-ERR unknown command\r\n"


def take_request(data):
    """The first request in data and what follows it, or None where it is not whole."""
    lines = data.split(b"\r\n", 1)
    if len(lines) < 2:
        return None
    args, rest = [], lines[1]
    for _ in range(int(lines[0][1:])):
        size, mark, rest = rest.partition(b"\r\n")
        if not mark or len(rest) < int(size[1:]) + 2:
            return None
        args.append(rest[: int(size[1:])])
        rest = rest[int(size[1:]) + 2 :]
    return args, rest


class Client(socketserver.BaseRequestHandler):
    def handle(self):
        data = b""
        while chunk := self.request.recv(65536):
            data += chunk
            replies = b""  # sent together, once all requests that have come are answered
            while taken := take_request(data):
                args, data = taken
                if args[0].upper() == b"HANGUP":
                    self.request.sendall(replies)
                    return
                replies += answer(args)
            self.request.sendall(replies)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Client).serve_forever()
