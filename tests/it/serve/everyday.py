"""What applications do with redis-py, against the server whose port is the only argument: each step says what it expects."""

import sys
import threading

import redis

port = int(sys.argv[1])


def check(got, expected):
    assert got == expected, f"got {got!r}, expected {expected!r}"


def use(client):
    """Values, collections, expiry, pipelines, transactions, iteration, blocking."""
    client.flushall()
    check(client.ping(), True)
    check(client.set("greeting", "hello", ex=100), True)
    check(client.get("greeting"), "hello")
    check(client.ttl("greeting") in (99, 100), True)
    check(client.set("greeting", "other", nx=True), None)
    check(client.mget("greeting", "none"), ["hello", None])
    check(client.incr("visits", 5), 5)
    check(client.hset("user:1", mapping={"name": "Ada", "age": 36}), 2)
    check(client.hgetall("user:1"), {"name": "Ada", "age": "36"})
    check(client.rpush("queue", "a", "b", "c"), 3)
    check(client.lrange("queue", 0, -1), ["a", "b", "c"])
    check(list(client.blpop("queue", timeout=1)), ["queue", "a"])
    check(client.blpop("nothing", timeout=0.05), None)
    check(client.sadd("tags", "x", "y"), 2)
    check(client.smembers("tags"), {"x", "y"})
    check(client.zadd("scores", {"ann": 1.5, "bob": 3}), 2)
    check([tuple(pair) for pair in client.zrange("scores", 0, -1, withscores=True)], [("ann", 1.5), ("bob", 3.0)])
    check(client.zincrby("scores", 1, "ann"), 2.5)
    check(client.exists("greeting", "visits", "none"), 2)
    check(client.type("scores"), "zset")
    check(sorted(client.scan_iter(match="*e*", count=2)), ["greeting", "queue", "scores", "user:1"])

    with client.pipeline() as pipe:
        pipe.set("a", 1).incr("a").get("a")
        check(pipe.execute(), [True, 2, "2"])
    try:
        client.incr("greeting")
    except redis.ResponseError as error:
        check(str(error), "value is not an integer or out of range")
    else:
        raise AssertionError("INCR of a text must fail")

    def double(pipe):
        value = int(pipe.get("a"))
        pipe.multi()
        pipe.set("a", value * 2)

    check(client.transaction(double, "a"), [True])
    check(client.get("a"), "4")
    with client.pipeline() as pipe:
        pipe.watch("a")
        client.set("a", 9)
        pipe.multi()
        pipe.set("a", 0)
        try:
            pipe.execute()
        except redis.WatchError:
            pass
        else:
            raise AssertionError("the key has changed")


def subscribe(client):
    """Messages of a channel and of a pattern, sent from another thread."""
    subscriber = client.pubsub()
    subscriber.subscribe("news")
    subscriber.psubscribe("n*")
    check([subscriber.get_message(timeout=5)["type"] for _ in range(2)], ["subscribe", "psubscribe"])
    publisher = threading.Thread(target=lambda: client.publish("news", "hi"))
    publisher.start()
    messages = [subscriber.get_message(timeout=5) for _ in range(2)]
    check([(it["type"], it["channel"], it["data"]) for it in messages],
          [("message", "news", "hi"), ("pmessage", "news", "hi")])
    publisher.join()
    subscriber.close()


for protocol in (2, 3):
    with redis.Redis(port=port, protocol=protocol, decode_responses=True) as client:
        use(client)
        subscribe(client)
with redis.Redis.from_url(f"redis://127.0.0.1:{port}/3") as client:
    check(client.set("bytes", b"\x00\xff\r\n"), True)
    check(client.get("bytes"), b"\x00\xff\r\n")
    check(client.dbsize(), 1)
print("all done with redis-py", redis.__version__)
