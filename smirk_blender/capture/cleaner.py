"""Clean-up in the worker: what takes long, and what needs a package that Blender's own Python may not have.

`python .../capture/launch.py capture.cleaner REQUEST.json`, with the arguments of `clean_file` and log_path in the file;
messages as the worker's.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ..flame import BUILTIN_HEAD, open_head
from ..retarget.solved_on import check_solved_on
from ..take import CleanUp, load_take, save_take
from .memory import peak_memory_mb
from .protocol import CLEAN, JUDGE, REFINE, Done, Loading, Message, Progress, Warned
from .worker import run_job


def clean_file(
    work: str,
    take_path: str,
    *,
    head: str = BUILTIN_HEAD,
    eyelids: str | None = None,
    clean_up: dict | None = None,
    out_path: str | None = None,
    optional: bool = False,
    send: Callable[[Message], None] = lambda message: None,
) -> Iterator[Message]:
    """Refine a take in its file, or write what is made of it, yielding messages; the last is `Done`.

    Args:
        work: "refine"; "clean" for another take that is cleaned; "judge" for what `clean.judge.judged` returns, as JSON.
        head, eyelids: the model that the take was solved on, as `open_head` takes them.
        clean_up: the settings, as `CleanUp.facts`; where left out, the file's own to clean with and to leave in a refined
            take, and none to judge.
        out_path: of what is written; a take is not compressed, since it is read once.
        optional: whether a head without landmarks is no error, and its take merely not refined.
        send: gets progress from within the work.
    Raises:
        SmirkError: bad input, or a file that cannot be written.
    """
    start = time.perf_counter()
    yield Loading("Loading the take")
    take, model = load_take(take_path), open_head(head, eyelids)
    check_solved_on(take, model, "Choose the head it was solved on")
    if work == REFINE:
        from ..clean.refine import refine  # scipy, whose lack must reach the parent as a message

        if optional and model.landmarks is None:
            yield Warned(f"{model.name} has no landmarks, so lips and lids stay as solved")
        else:
            yield Loading("Refining")
            take = refine(take, model, lambda num_frames: send(Progress(num_frames, len(take), REFINE)))
        kept = load_take(take_path).clean_up  # which may have been changed meanwhile
        settings = CleanUp.of(clean_up) if clean_up is not None else kept
        path = save_take(replace(take, clean_up=settings), take_path)
    elif work == CLEAN:
        from ..clean.chain import cleaned

        yield Loading("Cleaning")
        settings = CleanUp.of(clean_up) if clean_up is not None else take.clean_up
        path = save_take(cleaned(take, model, settings), out_path, compress=False)
    elif work == JUDGE:
        from ..clean.chain import cleaned
        from ..clean.judge import judged

        yield Loading("Looking at the take")
        settings = CleanUp.of(clean_up) if clean_up is not None else None
        Path(out_path).write_text(json.dumps(judged(take, model, settings, cleaned)), encoding="utf-8")
        path = out_path
    else:
        raise ValueError(f"work is {REFINE!r}, {CLEAN!r} or {JUDGE!r}, not {work!r}")
    fps = len(take) / (time.perf_counter() - start)
    yield Done([str(path)], len(take), int((~take.gap).sum()), fps, {}, peak_memory_mb())


if __name__ == "__main__":
    run_job(clean_file, sys.argv[1:])
