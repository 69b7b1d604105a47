"""Keeps a claim's file moving, in a process of its own, until standard input ends: its holder's release, or its death.

    python beat.py CLAIM SECONDS RECORD.json-text LENGTH

Not a thread of the holder: that is a Blender at work, which does not bear Python's threads beside it for long.
"""

import json
import signal
import sys
import threading
from contextlib import suppress


def beat(path: str, seconds: float, record: dict, length: int) -> None:
    """Write the record with a rising number, every so many seconds."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    while not ended.wait(seconds):
        record["beat"] += 1
        with suppress(OSError):  # a network that fails for a while; what is written next will say so
            write(path, record, length)


def write(path: str, record: dict, length: int) -> None:
    """Write a record over a claim's, which has the same length: readers see one of them.

    Raises:
        OSError: it cannot be written, or has been removed.
    """
    with open(path, "r+b") as file:
        file.write(json.dumps(record).encode().ljust(length - 1)[: length - 1] + b"\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the holder, which ends this in order
    beat(sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4]))
