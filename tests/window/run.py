"""The window test: `build.py test --window [SCENARIO ...]`. Prints a table; screenshots and logs go to out/window/."""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .package import WindowError, fresh, install, measure_enabling
from .processes import MARK, marked_processes
from .report import read_report
from .scenarios import SCENARIOS, Scenario

ENABLE_BAR_S = 0.2  # issue 4's
ENABLE_RUNS = 6  # at most, until one is below the bar: a machine's other work is not the add-on's
GONE_WITHIN_S = 5.0  # after Blender, for all it started; issue 4's bar
PACKAGES = "SMIRK_WINDOW_PACKAGES"  # a folder of packages that Blender's Python gets, as from a zip that brings them
TOOL = "real-blender"  # a Blender that brings its screen and programs along
SCREEN = "1600x900x24"
PROGRAMS = ("xdotool", "import", "convert")  # what `hands` needs
REPOSITORY = Path(__file__).parents[2]
OUT = REPOSITORY / "out" / "window"


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build.py test --window --", description=__doc__)
    parser.add_argument("scenarios", nargs="*", help="all, and how long enabling takes, if left out")
    wanted = set(parser.parse_args(argv).scenarios)
    if unknown := wanted - {scenario.name for scenario in SCENARIOS}:
        known = ", ".join(scenario.name for scenario in SCENARIOS)
        parser.error(f"no scenario {', '.join(sorted(unknown))}; there are {known}")
    rows = []
    try:
        blender, reason = find_blender()
        if not blender:
            print(f"skipped: the window test; {reason}", flush=True)
            return 0
        shutil.rmtree(OUT, ignore_errors=True)
        OUT.mkdir(parents=True)
        with tempfile.TemporaryDirectory(prefix="smirk_window_", ignore_cleanup_errors=True) as folder:
            print(f"Installing the add-on in {' '.join(blender)}", flush=True)
            package, environment = install(blender, Path(folder))
            if not wanted:
                rows += check_enabling(blender, environment)
            for scenario in SCENARIOS:
                if wanted and scenario.name not in wanted:
                    continue
                if scenario.needs and not (shared_folder() / scenario.needs).is_file():
                    print(f"skipped: {scenario.name}; there is no {shared_folder() / scenario.needs}", flush=True)
                else:
                    print(f"Playing {scenario.name}", flush=True)
                    known = fresh(Path(folder), scenario.name) if scenario.fresh else environment
                    rows += play(scenario, blender, known, Path(folder), package)
    except WindowError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_table(rows)
    print(f"\nScreenshots and logs: {OUT}")
    return int(not all(passed for _, _, passed, _ in rows))


def find_blender() -> tuple[list[str], str]:
    """Return the command that starts a Blender on a screen; where there is none, an empty one, and why.

    Raises:
        WindowError: $BLENDER names something else.
    """
    if named := os.environ.get("BLENDER"):
        words = [named] if Path(named).is_file() else shlex.split(named)
        if Path(words[0]).name == TOOL:
            return words, ""
        if not (path := shutil.which(named)):
            raise WindowError(f"$BLENDER is {named}, which cannot be run. Check the path")
        if missing := [program for program in PROGRAMS if not shutil.which(program)]:
            return [], f"it needs {', '.join(missing)} (install xdotool and ImageMagick)"
        if os.environ.get("DISPLAY"):
            return [path], ""
        if shutil.which("xvfb-run"):
            return ["xvfb-run", "-a", "-s", f"-screen 0 {SCREEN}", path], ""
        return [], "there is no screen, and no xvfb-run for a virtual one"
    tool = shared_folder() / "tools" / TOOL
    if tool.is_file():
        return [str(tool)], ""
    return [], f"no Blender with a window: set BLENDER to one (there is no {tool} either)"


def shared_folder() -> Path:
    """Return the folder of footage and tools that are not in the repository."""
    return Path(os.environ.get("SMIRK_SHARED", REPOSITORY.parent / "shared"))


Row = tuple[str, str, bool, str]  # scenario, what was checked, whether it held, the figure


def check_enabling(blender: list[str], environment: dict[str, str]) -> list[Row]:
    """Enable the add-on in processes of its own: how long it takes, and what it brings along."""
    runs = [measure_enabling(blender, environment)]
    while min(runs)[0] >= ENABLE_BAR_S and len(runs) < ENABLE_RUNS:
        runs.append(measure_enabling(blender, environment))
    elapsed_s, heavy = min(runs)
    figure = f"{elapsed_s:.3f} s, the fastest of {len(runs)}, below {ENABLE_BAR_S:g}"
    return [
        ("enabling", "takes", elapsed_s < ENABLE_BAR_S, figure),
        ("enabling", "imports no heavy package", not heavy, ", ".join(heavy)),
    ]


def play(
    scenario: Scenario, blender: list[str], environment: dict[str, str], folder: Path, package: Path
) -> list[Row]:
    """Run a scenario in a Blender of its own, end that Blender, and return what was found."""
    report, log, settings = (folder / f"{scenario.name}{ending}" for ending in (".jsonl", ".log", ".json"))
    content = {
        "module": scenario.module,
        "name": scenario.name,
        "report": str(report),
        "pictures": str(OUT),
        "folder": str(folder),
        "package": str(package),
        "python": sys.executable,
        "shared": str(shared_folder()),
        "packages": os.environ.get(PACKAGES, ""),
    }
    settings.write_text(json.dumps(content), encoding="utf-8")
    drive = Path(__file__).parent / "drive.py"
    geometry = ("0", "0", *map(str, scenario.size_px))
    command = [*blender, "--window-geometry", *geometry, "--python", str(drive), "--", str(settings)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            env={**environment, MARK: str(report)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ended = has_ended(process, scenario.limit_s)
        if not ended:
            end_session(process)
        nothing_left = check_nothing_left(scenario, str(report))
        end_session(process)
    lines = read_report(report)
    shutil.copy(log, OUT)
    rows = [(scenario.name, line["what"], line["passed"], line["figure"]) for line in lines if line["kind"] == "check"]
    for line in lines:
        if line["kind"] == "error":
            print(line["text"], file=sys.stderr)
            rows.append((scenario.name, "came to its end", False, line["text"].strip().splitlines()[-1]))
    if not any(line["kind"] in ("end", "error") for line in lines):
        why = "Blender ended early" if ended else f"stopped after {scenario.limit_s:g} s"
        rows.append((scenario.name, "came to its end", False, f"{why}; see {scenario.name}.log"))
    return [*rows, nothing_left]


def has_ended(process: subprocess.Popen, limit_s: float) -> bool:
    """Wait for a Blender; return whether it ended in time."""
    try:
        process.wait(limit_s)
        return True
    except subprocess.TimeoutExpired:
        return False


def end_session(process: subprocess.Popen) -> None:
    """Kill a Blender that did not end, its screen, and what else stayed in its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nothing stayed
    process.wait()


def check_nothing_left(scenario: Scenario, mark: str) -> Row:
    """Return whether all that a Blender started goes soon after it; kill what does not."""
    start = time.perf_counter()
    while (left := marked_processes(mark)) and time.perf_counter() - start < GONE_WITHIN_S:
        time.sleep(0.05)
    elapsed_s = time.perf_counter() - start
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    figure = f"{elapsed_s:.2f} s after Blender, at most {GONE_WITHIN_S:g}"
    if left:
        figure = f"killed: {'; '.join(left.values())}"
    return scenario.name, "no process is left", not left, figure


def print_table(rows: list[Row]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print()
    for name, what, passed, figure in rows:
        print(f"{'ok' if passed else 'FAILED':<8}{name:<{widths[0]}}  {what:<{widths[1]}}  {figure}".rstrip())
    failed = sum(not passed for _, _, passed, _ in rows)
    print(f"\n{len(rows)} checks, {failed} failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
