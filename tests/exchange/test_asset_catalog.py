"""Catalogues of an asset library."""

import uuid

import pytest

from smirk_blender.errors import ExportError
from smirk_blender.exchange.asset_catalog import CATALOG_FILE, ensure_catalog


def test_a_catalogue_is_added_once_and_is_the_same_in_every_library(tmp_path):
    identifier = ensure_catalog(tmp_path / "a", "Faces/Mouth")
    assert ensure_catalog(tmp_path / "a", " Faces / Mouth ") == identifier
    assert ensure_catalog(tmp_path / "b", "Faces/Mouth") == identifier != ensure_catalog(tmp_path / "b", "Faces")
    lines = (tmp_path / "a" / CATALOG_FILE).read_text().splitlines()
    assert "VERSION 1" in lines and lines[-1] == f"{uuid.UUID(identifier)}:Faces/Mouth:Faces-Mouth"
    assert len([line for line in lines if ":" in line]) == 1


def test_other_peoples_catalogues_stay(tmp_path):
    theirs = "# mine\nVERSION 1\n\n0b9c5b4d-5b4d-4b9c-8b4d-0b9c5b4d5b4d:Poses/Hands:Poses-Hands"  # and no last newline
    (tmp_path / CATALOG_FILE).write_text(theirs)
    assert ensure_catalog(tmp_path, "Poses/Hands") == "0b9c5b4d-5b4d-4b9c-8b4d-0b9c5b4d5b4d"
    assert (tmp_path / CATALOG_FILE).read_text() == theirs
    ensure_catalog(tmp_path, "Faces")
    text = (tmp_path / CATALOG_FILE).read_text()
    assert text.startswith(theirs + "\n") and text.endswith(":Faces:Faces\n")


@pytest.mark.parametrize("name", ["", " / ", "a:b"])
def test_a_name_that_no_catalogue_can_have_is_refused(name, tmp_path):
    with pytest.raises(ExportError, match="cannot be a catalogue"):
        ensure_catalog(tmp_path, name)
    assert not list(tmp_path.iterdir())
