"""A server as a beginner writes it in an evening, to test what dst makes of one.

usage: evening.py PORT

It knows PING, SET, GET, DEL, INCR and LPUSH, and nothing else. It takes what one packet brings for one request, answers
in several packets, with Nagle's algorithm as it comes, and ignores what PING is given. Three bugs are planted:

- INCR of a value that is no integer starts at 0 again;
- DEL of several keys deletes the first, and counts all that are there;
- LPUSH answers how many items it was given, not how long the list is.
"""

import socket
import sys
import threading

STORE = {}
LOCK = threading.Lock()
WRONGTYPE = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"


def arity(name):
    return b"-ERR wrong number of arguments for '%s' command\r\n" % name.lower()


def ping(args):
    return [b"+PONG\r\n"]


def set_value(args):
    if len(args) < 3:
        return [arity(args[0])]
    if len(args) > 3:
        return [b"-ERR syntax error\r\n"]
    STORE[args[1]] = args[2]
    return [b"+OK\r\n"]


def get(args):
    if len(args) != 2:
        return [arity(args[0])]
    value = STORE.get(args[1])
    if value is None:
        return [b"$-1\r\n"]
    if isinstance(value, list):
        return [WRONGTYPE]
    return [b"$%d\r\n" % len(value), value + b"\r\n"]


def delete(args):
    if len(args) < 2:
        return [arity(args[0])]
    found = len({key for key in args[1:] if key in STORE})
    STORE.pop(args[1], None)
    return [b":%d\r\n" % found]


def increment(args):
    if len(args) != 2:
        return [arity(args[0])]
    value = STORE.get(args[1], b"0")
    if isinstance(value, list):
        return [WRONGTYPE]
    try:
        value = int(value) + 1
    except ValueError:
        value = 1
    STORE[args[1]] = b"%d" % value
    return [b":%d\r\n" % value]


def push(args):
    if len(args) < 3:
        return [arity(args[0])]
    items = STORE.setdefault(args[1], [])
    if not isinstance(items, list):
        return [WRONGTYPE]
    items[:0] = reversed(args[2:])
    return [b":%d\r\n" % (len(args) - 2)]


COMMANDS = {b"PING": ping, b"SET": set_value, b"GET": get, b"DEL": delete, b"INCR": increment, b"LPUSH": push}


def parse(packet):
    """The first request of a packet; what follows it is lost."""
    if not packet.startswith(b"*"):
        return packet.split(b"\r\n")[0].split()
    head, rest = packet.split(b"\r\n", 1)
    args = []
    for _ in range(int(head[1:])):
        size, rest = rest.split(b"\r\n", 1)
        args.append(rest[: int(size[1:])])
        rest = rest[int(size[1:]) + 2 :]
    return args


def serve(client):
    with client:
        while packet := client.recv(65536):
            try:
                args = parse(packet)
            except ValueError:
                args = [b"?"]
            command = COMMANDS.get(args[0].upper()) if args else None
            if command is None:
                answer = [b"-ERR unknown command\r\n"]
            else:
                with LOCK:
                    answer = command(args)
            for part in answer:
                client.sendall(part)


def main():
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
