"""Stands in for the worker's Python: solves at once, always alike, and keeps a ledger of what it was asked for.

Footage is a text: "frames 6", or anything else, in which no face is found.
"""

import json
import os
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smirk_blender.take import Take

FRAME_S = 0.05
SCRIPT = """#!{python}
import sys
sys.path.insert(0, {repository!r})
from tests.batch.made_up_worker import main
main(sys.argv[-1], {ledger!r})
"""


def write_worker(folder: Path, repository: Path) -> tuple[Path, Path]:
    """Write an executable that may be named as the worker's Python; return it and its ledger."""
    script, ledger = folder / "worker_python", folder / "ledger.txt"
    script.write_text(SCRIPT.format(python=sys.executable, repository=str(repository), ledger=str(ledger)))
    script.chmod(0o755)
    ledger.touch()
    return script, ledger


def main(request_path: str, ledger: str) -> None:
    from smirk_blender.capture.protocol import Done, Failed, Progress, encode_message
    from smirk_blender.take import save_take

    request = json.loads(Path(request_path).read_text("utf-8"))
    say = lambda message: print(encode_message(message), flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(3)), daemon=True).start()
    video = Path(request["video_path"])
    content = video.read_text("utf-8")
    note(ledger, f"begin {video.stem}")
    if not content.startswith("frames "):
        say(Failed(f"No face in {video.name}", "Choose another clip"))
        os._exit(1)
    num_frames = int(content.split()[1])
    for number in range(num_frames):
        time.sleep(FRAME_S)
        say(Progress(number + 1, num_frames))
    take = solved(video.name, content)
    note(ledger, f"end {video.stem}")
    say(Done([str(save_take(take, request["take_path"]))], num_frames, num_frames, 25.0, {}, 40.0))
    os._exit(0)


def solved(name: str, content: str) -> "Take":
    """Return the take of some footage."""
    from smirk_blender.take import Source
    from tests.builders import make_take, tiny_head

    head, source = tiny_head(), Source(name, len(content), "0" * 64, 64, 48)
    seed = zlib.crc32(content.encode())
    return make_take(int(content.split()[1]), head, seed=seed, source=source, models=head.models())


def note(ledger: str, line: str) -> None:
    """Add a line, whole even where several processes do so at once."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
