"""The server of a beginner, to test that dst needs nothing of a server but a reply to one command.

usage: beginner.py PORT [TRAIT]...

It knows SET, GET, DEL, LPUSH, LRANGE and PING. Each trait makes it worse, or adds a command:
one-a-packet   it answers the first request of a packet and forgets the others
pieces         it sends each line of a reply by itself, and lets the system wait between them
crlf           LPUSH to a key that is no list answers an error with a line end inside
mute           the command MUTE is never answered
late           the command LATE is answered after 0.3 s
fragile        the command FRAGILE ends the process
mortal=FILE    it ends itself at the tenth command, once: FILE says that it has
clumsy=FILE    it ends at its first start: FILE says that there was one
blpop          BLPOP waits, and nothing tells that it does
clients        CLIENT ID, and CLIENT LIST that says of none that it waits
keeps          DEL says 1 and removes nothing
select         SELECT 0 to 3
"""

import os
import socket
import sys
import threading
import time

PORT, TRAITS = int(sys.argv[1]), set(sys.argv[2:])
LOCK = threading.Condition()
STORE = {}
COMMANDS = 0
CLIENTS = 0


def trait(name):
    """The value of a trait with one, or whether it is there."""
    return next((one.partition("=")[2] or True for one in TRAITS if one.partition("=")[0] == name), None)


def happens_once(path):
    if os.path.exists(path):
        return False
    with open(path, "w"):
        return True


def bulk(value):
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def answer(args, db):
    global COMMANDS
    COMMANDS += 1
    mortal = trait("mortal")
    if mortal and COMMANDS >= 10 and happens_once(mortal):
        os._exit(9)
    name, store = args[0].upper().decode(), STORE.setdefault(db[0], {})
    if name == "PING":
        return bulk(args[1]) if len(args) > 1 else b"+PONG\r\n"
    if name == "SELECT" and trait("select"):
        db[0] = int(args[1])
        return b"+OK\r\n" if db[0] < 4 else b"-ERR DB index is out of range\r\n"
    if name == "SET":
        store[args[1]] = args[2]
        return b"+OK\r\n"
    if name == "GET":
        value = store.get(args[1])
        if isinstance(value, list):
            return b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
        return bulk(value)
    if name == "DEL":
        kept = trait("keeps")
        return b":%d\r\n" % sum((key in store if kept else store.pop(key, None) is not None) for key in args[1:])
    if name == "LPUSH":
        items = store.setdefault(args[1], [])
        if not isinstance(items, list):
            return b"-ERR no list\r\nbut a string\r\n" if trait("crlf") else b"-WRONGTYPE no list\r\n"
        for item in args[2:]:
            items.insert(0, item)
        LOCK.notify_all()
        return b":%d\r\n" % len(items)
    if name == "LRANGE":
        items = store.get(args[1], [])
        if not isinstance(items, list):
            return b"-WRONGTYPE no list\r\n"
        first, last = int(args[2]), int(args[3])
        items = items[first:] if last == -1 else items[first : last + 1]
        return b"*%d\r\n" % len(items) + b"".join(bulk(item) for item in items)
    if name == "BLPOP" and trait("blpop"):
        while not STORE.get(db[0], {}).get(args[1]):
            LOCK.wait()
        items = STORE[db[0]][args[1]]
        return b"*2\r\n" + bulk(args[1]) + bulk(items.pop(0))
    if name == "CLIENT" and trait("clients"):
        ids = b"".join(b"id=%d flags=N\n" % at for at in range(1, CLIENTS + 1))
        return b":%d\r\n" % db[1] if args[1].upper() == b"ID" else bulk(ids)
    if name == "MUTE" and trait("mute"):
        LOCK.wait()
    if name == "LATE" and trait("late"):
        time.sleep(0.3)
        return b"+OK\r\n"
    if name == "FRAGILE" and trait("fragile"):
        os._exit(9)
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


def serve(client):
    global CLIENTS
    with LOCK:
        CLIENTS += 1
        data, db = b"", [0, CLIENTS]
    while True:
        chunk = client.recv(65536)
        if not chunk:
            return
        data += chunk
        while taken := take_request(data):
            args, data = taken
            if trait("one-a-packet"):
                data = b""
            with LOCK:
                reply = answer(args, db)
            if trait("pieces"):
                for line in reply.splitlines(keepends=True):
                    client.sendall(line)
            else:
                client.sendall(reply)


def serve_quietly(client):
    try:
        serve(client)
    except OSError:
        pass
    client.close()


clumsy = trait("clumsy")
if clumsy and happens_once(clumsy):
    sys.exit("not yet awake")
listener = socket.create_server(("127.0.0.1", PORT), backlog=64)
while True:
    threading.Thread(target=serve_quietly, args=(listener.accept()[0],), daemon=True).start()
