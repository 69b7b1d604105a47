"""Everything that is done to this repository.

    python3 build.py demo [VIDEO]     a video becomes a keyed head, in out/NAME/
    python3 build.py test [--all]     the tests; --all adds the other Blender versions
    python3 build.py test --window    the add-on in a real Blender: mouse, keys, screenshots
    python3 build.py package          the add-on as an extension with all that it needs, in dist/
    python3 build.py bench [VIDEO]    speed and memory of the solvers, of the rig and of bakes
    python3 build.py sample           render the sample clip again
    python3 build.py landmarks        find MediaPipe's landmarks on the built-in head again

Every command makes the environment it needs (.venv, once) and says so. Until then: standard library only, Python 3.11.
"""

from __future__ import annotations  # so that older Pythons get as far as the line that says what is wrong

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.tools.console import ProgressLine, print_table, say
from wheels import BuildError

ROOT = Path(__file__).resolve().parent
PYTHON = (3, 11)  # what Blender 4.2 to 5.0, the bpy packages and mediapipe 0.10.21 all have
READY = ".smirk-ready"  # in an environment: the hash of the packages it was made from
ADDON = "smirk_blender"
SAMPLE_CLIP = ROOT / ADDON / "sample" / "sample.mp4"

# Complete, with what these packages need: pip is told not to look further (but for torch's own libraries), which leaves
# out what mediapipe asks for but never imports here (jax, jaxlib, sounddevice, sentencepiece; 400 MB).
BLENDER_PACKAGES = (
    "bpy=={bpy}",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "Cython==3.3.1",
    "idna==3.20",
    "numpy==1.26.4",
    "requests==2.34.2",
    "urllib3==2.8.0",
    "zstandard==0.25.0",
)
TEST_PACKAGES = ("iniconfig==2.3.1", "packaging==26.3", "pluggy==1.7.0", "Pygments==2.21.0", "pytest==9.2.0")
WORKER_PACKAGES = (
    "absl-py==2.5.1",
    "attrs==26.1.0",
    "contourpy==1.3.3",
    "cycler==0.12.1",
    "filelock==4.2.11",
    "flatbuffers==25.12.19",
    "fonttools==4.68.0",
    "fsspec==2026.9.0",
    "Jinja2==3.1.6",
    "kiwisolver==1.5.1",
    "MarkupSafe==3.0.4",
    "matplotlib==3.11.2",
    "mediapipe==0.10.21",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "opencv-contrib-python==4.11.0.86",
    "pillow==13.0.0",
    "protobuf==4.25.9",
    "pyparsing==3.3.3",
    "python-dateutil==4.0.0",
    "scipy==1.17.1",
    "sympy==1.14.0",
    "torch==2.13.0",
    "typing_extensions==4.16.0",
)
MAIN_BLENDER = "4.5.15"
OTHER_BLENDERS = ("4.2.23", "5.0.1")


def main(argv: list[str]) -> int:
    if sys.version_info[:2] != PYTHON:
        wanted = ".".join(map(str, PYTHON))
        print(
            f"build.py needs Python {wanted}; this is {sys.version.split()[0]}. Run it with: python{wanted} build.py",
            file=sys.stderr,
        )
        return 2
    options = parser().parse_args(argv)
    try:
        return options.command(options)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    from addon_manifest.options import add_options

    top = argparse.ArgumentParser(prog="build.py", description="Build, test and try SMIRK for Blender")
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("demo", help="a video becomes a keyed head")
    command.set_defaults(command=demo)
    video_help = "a clip of an actor; the sample clip if left out"
    command.add_argument("video", nargs="?", type=Path, default=SAMPLE_CLIP, help=video_help)
    solver_help = "smirk where there are weights, else landmarks"
    command.add_argument("--solver", choices=("smirk", "landmarks"), help=solver_help)
    command.add_argument("--weights", type=Path, metavar="SMIRK_em1.pt", help="SMIRK's checkpoint")
    flame_help = "a FLAME model; the built-in head if left out"
    eyelids_help = "SMIRK's assets: eyelids, landmark embedding; the model's folder if left out"
    mesh_help = "MediaPipe's; the wheel's own if left out"
    command.add_argument("--flame", type=Path, metavar="generic_model.pkl", help=flame_help)
    command.add_argument("--eyelids", type=Path, metavar="DIR", help=eyelids_help)
    command.add_argument("--landmark-model", type=Path, metavar="face_landmarker.task", help=mesh_help)
    command.add_argument("--device", help="cuda, mps or cpu, for the encoder")
    smooth_help = "crop steadily what SMIRK's encoder sees, by some frames ahead and back"
    command.add_argument("--smooth-crops", action="store_true", help=smooth_help)
    command.add_argument("--raw", action="store_true", help="leave the take as it was solved: neither refined nor cleaned")
    layout_help = "in the .blend, the head stands beside the footage (usual), or lies on the actor in the shot"
    command.add_argument("--layout", choices=("beside", "matched"), default="beside", help=layout_help)
    command.add_argument("--out", type=Path, default=ROOT / "out", metavar="DIR", help="files go to DIR/NAME/")
    command = commands.add_parser("test", help="run the tests")
    command.set_defaults(command=test)
    command.add_argument("--all", action="store_true", help=f"also on Blender {' and '.join(OTHER_BLENDERS)}")
    command.add_argument(
        "--window",
        action="store_true",
        help="instead, click through the add-on in a Blender with a window: $BLENDER, or the shared tools' own",
    )
    command.add_argument("arguments", nargs="*", help="for pytest, after --; with --window, names of scenarios")
    command = commands.add_parser("bench", help="measure speed and memory")
    command.set_defaults(command=bench)
    command.add_argument("video", nargs="?", type=Path, default=SAMPLE_CLIP)
    command.add_argument("--weights", type=Path)
    command.add_argument("--flame", type=Path)
    landmarks_help = "find MediaPipe's landmarks on the built-in head again, after its geometry changed"
    command = commands.add_parser("landmarks", help=landmarks_help)
    command.set_defaults(command=landmarks)
    command = commands.add_parser("package", help="pack the add-on as an extension, with the packages that it needs")
    command.set_defaults(command=package)
    add_options(command)
    command = commands.add_parser("sample", help="render the sample clip again")
    command.set_defaults(command=sample)
    return top


# --- commands


def demo(options: argparse.Namespace) -> int:
    """Solve, clean, review, bake; leave the files in OUT/NAME and print a table."""
    start = time.perf_counter()
    if not options.video.is_file():
        raise BuildError(f"No video at {options.video}. Check the path")
    python = environment(".venv", MAIN_BLENDER, WORKER_PACKAGES)
    video, name = options.video.resolve(), options.video.stem
    folder = options.out.resolve() / name
    make_folder(folder)
    take, blend = folder / f"{name}.take.npz", folder / f"{name}.blend"
    preview, report = folder / f"{name}_preview.mp4", folder / f"{name}_report.png"
    head = absolute(options.flame) or "builtin"
    eyelids, pictures, log = absolute(options.eyelids), folder / f".{name}_pictures.avi", folder / f"{name}.log"
    log.unlink(missing_ok=True)
    solve_options = {
        "solver": options.solver,
        "head": head,
        "eyelids": eyelids,
        "weights": absolute(options.weights),
        "landmark_model": absolute(options.landmark_model),
        "device": options.device,
        "smooth_crops": options.smooth_crops,
    }
    say(f"Solving {video.name}")
    solved = run_job(python, "capture.worker", log, video_path=str(video), take_path=str(take), options=solve_options)
    if not options.raw:
        say("Refining lips and lids")
        arguments = {"work": "refine", "take_path": str(take), "head": head, "eyelids": eyelids, "clean_up": {}}
        refined = run_job(python, "capture.cleaner", log, optional=True, **arguments)
    try:
        say("Drawing the preview and the report")
        files = {"movie_path": str(pictures), "report_path": str(report)}
        files |= {"video_path": str(video), "take_path": str(take)}
        reviewed = run_job(python, "capture.review", log, head=head, eyelids=eyelids, **files)
        say("Baking")
        baked_at = time.perf_counter()
        arguments = ["bake", take, "--head", head, "--layout", options.layout, "--video", video]
        arguments += ["--preview", pictures, preview, "--out", blend]
        run(
            [python, "-m", "smirk_blender.cli", *arguments, *(["--eyelids", eyelids] if eyelids else [])],
            "baking failed",
        )
        bake_fps = solved.num_frames / (time.perf_counter() - baked_at)
    finally:
        pictures.unlink(missing_ok=True)
    later_stages = {"preview": reviewed.fps, "bake and encode": bake_fps}
    if not options.raw:
        later_stages = {"refine": refined.fps} | later_stages
    print_table(solved, later_stages, (blend, take, preview, report), time.perf_counter() - start)
    return 0


def test(options: argparse.Namespace) -> int:
    """Run pytest in the main environment, and with --all the Blender tests in the others; return the first failure.

    With --all a full package is made and installed in each Blender; see `tests/install`. Where it cannot be made, that
    is a failure, and all other tests run; what fails is run again, and said at the end. With --window the window test
    alone.
    """
    from tests.suites import Suites

    if options.window and options.all:
        raise BuildError("--all does nothing beside --window, which runs in one Blender. Leave one of them out")
    python = environment(".venv", MAIN_BLENDER, WORKER_PACKAGES)
    if options.window:
        return subprocess.run([python, "-m", "tests.window.run", *options.arguments], cwd=ROOT).returncode
    with tempfile.TemporaryDirectory(prefix="smirk_package_") as folder, Suites() as suites:
        apart = ["--ignore=tests/install"] if options.all else []  # they follow, with a package
        suites.run("main environment", python, ["tests", *apart, *options.arguments])
        given = {"SMIRK_WORKER_PYTHON": str(python)}
        if options.all:
            try:
                package(parser().parse_args(["package", "--out", folder]))
                given["SMIRK_PACKAGE"] = str(next(Path(folder).glob("*.zip")))
            except BuildError as error:
                print(f"error: no full package to test: {error}\nThe other tests run.", file=sys.stderr, flush=True)
                suites.code = suites.code or 1
        for version in (MAIN_BLENDER, *OTHER_BLENDERS) if options.all else ():
            say(f"Blender {version}")
            bare = environment(f".venv-bpy-{version}", version, ())
            folders = ["tests/install"] if version == MAIN_BLENDER else ["tests/rig", "tests/ui", "tests/install"]
            suites.run(f"Blender {version}", bare, [*folders, *options.arguments], given)
        suites.say_failures()
    return suites.code


def bench(options: argparse.Namespace) -> int:
    """Measure the solvers, the playback, what follows, and batches; see `tests/bench*.py`, `tests/batch_night.py`."""
    python = environment(".venv", MAIN_BLENDER, WORKER_PACKAGES)
    given = {"--weights": absolute(options.weights), "--flame": absolute(options.flame)}
    arguments = [part for name, path in given.items() if path for part in (name, path)]
    code = subprocess.run([python, "-m", "tests.bench", str(options.video.resolve()), *arguments], cwd=ROOT).returncode
    playback = ["--flame", given["--flame"]] if given["--flame"] else []
    for module in ("tests.bench_playback", "tests.bench_clean", "tests.bench_retarget"):
        code = code or subprocess.run([python, "-m", module, *playback], cwd=ROOT).returncode
    for part in ("speed", "memory"):
        code = code or subprocess.run([python, "-m", "tests.batch_night", "--only", part], cwd=ROOT).returncode
    return code


def package(options: argparse.Namespace) -> int:
    """Make packages of the add-on, or check one; see `addon_manifest/make.py`."""
    from addon_manifest.make import make_packages  # needs Python 3.11: `main` has looked
    from addon_manifest.options import complete

    if complete(options, MAIN_BLENDER, ROOT / "dist"):
        make_folder(options.out)
    return make_packages(options, lambda: environment(".venv", MAIN_BLENDER, WORKER_PACKAGES))


def pack(folder: Path) -> Path:
    """Return a new zip of the add-on without packages, the same bytes from the same sources."""
    from addon_manifest import extension

    return extension.pack(folder)


def landmarks(options: argparse.Namespace) -> int:
    """Make the built-in head's landmarks.npz from renders."""
    python = environment(".venv", MAIN_BLENDER, WORKER_PACKAGES)
    run([python, "-m", "tests.tools.embed_landmarks"], "finding the landmarks failed")
    return 0


def sample(options: argparse.Namespace) -> int:
    """Render the sample clip from its animation."""
    python = environment(".venv", MAIN_BLENDER, WORKER_PACKAGES)
    run([python, "-m", "smirk_blender.cli", "sample", "--out", SAMPLE_CLIP], "rendering the sample clip failed")
    return 0


# --- environments


def environment(folder: str, blender: str, packages: tuple[str, ...]) -> Path:
    """Return the Python of an environment with a Blender module, pytest and these packages; make it where it is not.

    Raises:
        BuildError: it cannot be made.
    """
    wanted = [line.format(bpy=blender) for line in sorted((*BLENDER_PACKAGES, *TEST_PACKAGES, *packages))]
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    place = ROOT / folder
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = place / READY
    if ready.is_file() and ready.read_text() == digest:
        return python
    say(f"Making the environment {folder} with {len(wanted)} packages (once; some minutes)")
    shutil.rmtree(place, ignore_errors=True)
    run([sys.executable, "-m", "venv", place], "Python cannot make a virtual environment; install its venv package")
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    failure = "pip could not install the packages; is the package index reachable?"
    torch = [line for line in wanted if line.startswith("torch==")]
    run([*pip, "--no-deps", *(line for line in wanted if line not in torch)], failure)
    if torch:
        run([*pip, *torch], failure)  # with the CUDA libraries that some of its builds cannot be imported without
    ready.write_text(digest)
    return python


# --- helpers


def run_job(python: Path, module: str, log: Path, **arguments: object) -> object:
    """Run a worker with a progress line; return its last message.

    Raises:
        BuildError: it failed.
    """
    sys.path.insert(0, str(ROOT))
    from smirk_blender.capture.job import Job
    from smirk_blender.capture.protocol import Done, Failed, Loading, Progress, Warned

    job, shown = Job(python, module, arguments, log), ProgressLine()
    try:
        for message in job.messages():
            if isinstance(message, Progress):
                shown.update(message.stage, message.video_frame, message.num_frames)
            elif isinstance(message, (Loading, Warned)):
                shown.end()
                say(f"  {message.text}")
            elif isinstance(message, Failed):
                shown.end()
                raise BuildError("\n".join(filter(None, (message.text, message.hint))))
            elif isinstance(message, Done):
                shown.end()
                return message
    finally:
        job.close()
    raise AssertionError("a job ends with Done or Failed")


def absolute(path: Path | None) -> str | None:
    return str(path.resolve()) if path else None


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BuildError(f"Cannot write to the folder {folder}: {error.strerror}. Choose another with --out") from error


def run(command: list, failure: str) -> None:
    """Run a command from the repository's root; raise BuildError with `failure` if it fails."""
    try:
        subprocess.run([str(part) for part in command], cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"{failure} ({error})") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
