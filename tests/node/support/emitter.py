"""What the emitters in Python do, with the client of Redis that they use.

emitter.py PATH: publishes to the Redis at PATH what stands on stdin, JSON, as
    [{"nsp", "rooms", "flags", "data", "old"}]. A list in "data" that begins
    with "bytes" is bytes. The answers, how many have got it, come on stdout.
emitter.py PATH PATTERN: writes the first message that comes, as
    {"channel", "body"} in hexadecimal, behind a line that says that it listens.
"""

import json
import sys

import msgpack
import redis


def value_of(value):
    if isinstance(value, list) and value[:1] == ["bytes"]:
        return bytes(value[1:])
    return value


def emit(server, nsp="/", rooms=(), flags=None, data=(), old=False):
    packet = {"type": 2, "data": [value_of(v) for v in data], "nsp": nsp}
    opts = {"rooms": list(rooms), "flags": flags or {}}
    # Before msgpack had bytes, text and bytes were one type.
    body = msgpack.packb(["emitter", packet, opts], use_bin_type=not old)
    channel = "socket.io#" + nsp + "#"
    if len(rooms) == 1:
        channel += rooms[0] + "#"
    return server.publish(channel, body)


def hear(server, pattern):
    pubsub = server.pubsub(ignore_subscribe_messages=False)
    pubsub.psubscribe(pattern)
    for message in pubsub.listen():
        if message["type"] == "psubscribe":
            print("listening", flush=True)
            continue
        print(json.dumps({
            "channel": message["channel"].decode(),
            "body": message["data"].hex(),
        }))
        return


def main():
    server = redis.Redis(unix_socket_path=sys.argv[1])
    if len(sys.argv) > 2:
        hear(server, sys.argv[2])
        return
    counts = [emit(server, **options) for options in json.load(sys.stdin)]
    print(json.dumps(counts))


main()
