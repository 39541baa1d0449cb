#!/bin/sh
# fakeredis 2.41.0 (PyPI): its TCP server, TcpFakeServer, sends stored values as simple strings (`+hello`), where the
# protocol has bulk strings (`$5`, then the bytes) and Redis sends those. A client that keeps the two apart reads another
# type of reply; redis-py, its own client, returns the same bytes for both, so its tests do not show it.
#
# Seen on 2026-11-30 with Python 3.11 and redis 8.1.0:
#   SET k hello  ->  +OK
#   GET k        ->  +hello
#
# Fails where it is otherwise. Needs python3 with venv, and the network.

set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fakeredis==2.41.0 redis==8.1.0

"$folder/venv/bin/python" - <<'END'
import os
import socket
import threading

from fakeredis import TcpFakeServer

server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
threading.Thread(target=server.serve_forever, daemon=True).start()
client = socket.create_connection(server.server_address)
client.settimeout(5)


def ask(*words):
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words)]
    client.sendall(b"".join(parts))
    reply = b""
    while not reply.endswith(b"\r\n"):
        reply += client.recv(4096)
    return reply


seen = [ask("SET", "k", "hello"), ask("GET", "k")]
print(*seen, flush=True)
expected = [b"+OK\r\n", b"+hello\r\n"]
if seen != expected:
    print(f"it is otherwise now: {seen}, expected {expected}", flush=True)
# Threads of the server do not end with it.
os._exit(seen != expected)
END
