"""Batches whose clips are lines of text, and whose worker only says that it solves them."""

from collections import Counter
from pathlib import Path

from smirk_blender.flame import save_head
from tests.batch.made_up_worker import write_worker
from tests.builders import tiny_head
from tests.conftest import REPOSITORY

CLIP = REPOSITORY / "tests" / "clean" / "closed_loop.mp4"
LINES = {"line_1": "frames 6", "line_2": "frames 14", "line_3": "frames 6", "line_4": "frames 9", "nobody": "nobody"}
GOOD = [name for name, content in LINES.items() if content.startswith("frames")]


def make_night(folder: Path) -> tuple[Path, list[str], Path]:
    """Return a night's work: a folder with footage, the arguments of a batch with a worker that is none, its ledger."""
    (folder / "footage").mkdir()
    for name, content in LINES.items():
        (folder / "footage" / f"{name}.mp4").write_text(content)
    save_head(tiny_head(), folder / "head.npz")
    worker, ledger = write_worker(folder, REPOSITORY)
    shape = ["--head", str(folder / "head.npz"), "--solver", "landmarks", "--raw", "--no-preview", "--no-bake"]
    return folder, [str(folder / "footage"), "--python", str(worker), *shape], ledger


def noted(ledger) -> Counter:
    return Counter(ledger.read_text().splitlines())
