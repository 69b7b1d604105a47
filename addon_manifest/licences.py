"""The licence texts that each wheel carries, and an index of what is packed."""

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from wheels import BuildError
from wheels.members import check_names
from wheels.tags import canonical_name, parse_name

FOLDER = "licenses"
INDEX = f"{FOLDER}/README.txt"
PAPER = re.compile(r"(licen[cs]es?|copying|notices?|authors|copyright|third[-_]?party\w*)([-_.].*)?", re.IGNORECASE)
NOT_TEXT = (".py", ".pyc", ".pyi", ".so", ".dll", ".dylib")
SHARED = re.compile(r"\.(so|dll|dylib|pyd)(\.|$)")
INTRODUCTION = """\
What this extension brings along, each under its own licence. The texts that each package carries lie beside this file,
one file a package, with the paths that they have in it.
"""
NO_TEXT = "no text in the package; see its page"
PARTS_ELSEWHERE = "one text, and shared libraries: the parts that are built into them are named at its page"
HOME_LABELS = ("homepage", "home", "home page", "source", "repository", "source code", "github")


@dataclass(frozen=True)
class Papers:
    """What a wheel says about its licence.

    Attributes:
        texts: its licence files, by their paths in it.
        bundles: whether it has shared libraries, which may hold others' work.
    """

    name: str
    version: str
    expression: str
    home: str
    texts: dict[str, bytes]
    bundles: bool

    @property
    def place(self) -> str:
        """The one file of all its texts; flat, for Windows' short paths."""
        return f"{FOLDER}/{self.name}-{self.version}.txt"


def read_papers(wheel: Path) -> Papers:
    """Return the licence texts that a wheel carries.

    Raises:
        BuildError: it is no wheel, or says that it is another than its file's name does.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
        check_names(names, wheel)
        metadata = next((name for name in names if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)), None)
        if metadata is None:
            raise BuildError(f"{wheel} is no wheel: it has no METADATA. Fetch it again")
        facts = HeaderParser().parsestr(archive.read(metadata).decode("utf-8"))
        texts = {
            name: archive.read(name)
            for name in names
            if PAPER.fullmatch(Path(name).name) and not name.lower().endswith(NOT_TEXT)
        }
    named = parse_name(wheel.name)
    inside = (canonical_name(facts["Name"] or ""), canonical_name(facts["Version"] or ""))
    if inside != (named.name, canonical_name(named.version)):
        raise BuildError(f"{wheel} says inside that it is {facts['Name']} {facts['Version']}. Do not use this file")
    bundles = any(SHARED.search(name) for name in names)
    return Papers(named.name, named.version, _expression(facts), _home(facts), texts, bundles)


def licence_files(wheels: Iterable[Path]) -> dict[str, bytes]:
    """Return a file of licence texts for each wheel that carries any, and an index, by their places in the zip."""
    papers = [read_papers(wheel) for wheel in wheels]
    lines = [INTRODUCTION]
    for paper in papers:
        count = len(paper.texts)
        texts = f"{count} text{'' if count == 1 else 's'}: {Path(paper.place).name}" if count else NO_TEXT
        parts = f"  {PARTS_ELSEWHERE}\n" if paper.bundles and count == 1 else ""
        lines.append(f"\n{paper.name} {paper.version}\n  {paper.expression}\n  {paper.home}\n  {texts}\n{parts}")
    return {INDEX: "".join(lines).encode(), **{paper.place: _joined(paper.texts) for paper in papers if paper.texts}}


def _joined(texts: dict[str, bytes]) -> bytes:
    """Return texts in one, each below its path: cv2/LICENSE.txt."""
    return b"\n".join(b"===== " + name.encode() + b" =====\n\n" + text + b"\n" for name, text in texts.items())


def _expression(facts: Message) -> str:
    """Return the licence as the wheel names it: newer ones in an expression, older ones in words or a classifier."""
    first = (facts["License"] or "").strip().split("\n")[0]
    classifiers = facts.get_all("Classifier", [])
    kinds = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License :: OSI Approved")]
    words = first if first and not first.lower().startswith("copyright") else ""
    return facts["License-Expression"] or words or ", ".join(kinds) or "see its text"


def _home(facts: Message) -> str:
    pages = dict(line.split(", ", 1) for line in facts.get_all("Project-URL", []))
    by_label = {label.lower(): page for label, page in pages.items()}
    named = next((by_label[label] for label in HOME_LABELS if label in by_label), "")
    return facts["Home-page"] or named or f"https://pypi.org/project/{facts['Name']}"
