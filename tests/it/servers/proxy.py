"""A real Redis behind a proxy: every reply is right, and how it comes is not what one is used to.

    proxy.py PORT TRAIT

slow        each piece of a reply comes 2 ms later
closes      the connection is closed behind FLUSHALL
drops       FLUSHALL on one connection closes all others
no-flush    there is no FLUSHALL and no FLUSHDB
"""

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

port, trait = int(sys.argv[1]), sys.argv[2]
folder = tempfile.mkdtemp()
path = os.path.join(folder, "redis.sock")
clients, flushed, lock = set(), set(), threading.Lock()


def start_redis():
    lacks = ["--rename-command", "FLUSHALL", "", "--rename-command", "FLUSHDB", ""] if trait == "no-flush" else []
    command = ["setpriv", "--pdeathsig", "KILL", "--", "redis-server", "--port", "0", "--unixsocket", path]
    subprocess.Popen([*command, "--save", "", "--dir", folder, *lacks], stdout=subprocess.DEVNULL)
    while True:
        try:
            return connect().close()
        except OSError:
            time.sleep(0.005)


def connect():
    redis = socket.socket(socket.AF_UNIX)
    redis.connect(path)
    return redis


def end(*sockets):
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def forward(client, redis):
    """Requests, as they come."""
    try:
        while data := client.recv(65536):
            if b"\r\nFLUSHALL\r\n" in data.upper():
                with lock:
                    flushed.add(client)
                    others = [other for other in clients if other is not client]
                if trait == "drops":
                    end(*others)
            redis.sendall(data)
    except OSError:
        pass
    end(client, redis)
    with lock:
        clients.discard(client)


def back(client, redis):
    """Replies."""
    try:
        while data := redis.recv(65536):
            if trait == "slow":
                time.sleep(0.002)
            client.sendall(data)
            if trait == "closes" and client in flushed:
                break
    except OSError:
        pass
    end(client, redis)


start_redis()
listener = socket.create_server(("127.0.0.1", port), backlog=512)
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    redis = connect()
    with lock:
        clients.add(client)
    for pump in (forward, back):
        threading.Thread(target=pump, args=(client, redis), daemon=True).start()
