"""A job's file: what it may hold, what is said of one that holds something else."""

import json
from dataclasses import asdict, fields

import pytest

from smirk_blender.batch.job import KINDS, PLAYED, Clip, Folder, Job, job_of, load_job, save_job, schema
from smirk_blender.batch.key import Hashes, step_keys
from smirk_blender.commands import export
from smirk_blender.errors import BatchError


def test_the_schema_names_every_field_of_a_job_and_no_other():
    properties = schema()["properties"]
    assert properties.keys() - {"format_version"} == {item.name for item in fields(Job)}
    parts = {name: (kind, properties[name]) for name, kind in KINDS.items()}
    parts |= {"clips": (Clip, properties["clips"]["items"]), "folders": (Folder, properties["folders"]["items"])}
    for name, (kind, part) in parts.items():
        assert part["properties"].keys() == {item.name for item in fields(kind)}, name
        assert part["additionalProperties"] is False, name


def test_every_default_fits_the_schema():
    job = job_of(Job().facts())
    assert job == Job() and asdict(job)["solve"]["head"] == "builtin"


def test_a_job_comes_back_from_its_file_as_it_was(tmp_path):
    facts = {
        "format_version": 1,
        "clips": [{"video": str(tmp_path / "a.mp4"), "name": "a", "last_frame": 8, "face": "all"}],
        "folders": [{"path": str(tmp_path), "patterns": ["*.mov"], "recursive": True}],
        "clean": {"settings": {"gains": {"jaw": 1.5}}, "refine": False},
        "bake": {"arguments": ["--layout", "matched"]},
        "steps": [["qa", "{take}"]],
    }
    job = job_of(facts)
    again = load_job(save_job(job, tmp_path / "job.json"))
    assert again == job and again.digest == job.digest
    assert again.steps == (("qa", "{take}"),) and again.folders[0].patterns == ("*.mov",)
    assert again.solve_of(again.clips[0]).last_frame == 8 and again.solve_of(again.clips[0]).face == "all"


def test_relative_paths_count_from_the_file(tmp_path):
    (tmp_path / "shots").mkdir()
    facts = {"format_version": 1, "clips": [{"video": "../a.mp4"}], "solve": {"head": "flame.pkl"}}
    facts["clean"] = {"settings": {"identity": {"source": "profile", "profile": "x.actor.json"}}}
    (tmp_path / "shots" / "job.json").write_text(json.dumps(facts))
    job = load_job(tmp_path / "shots" / "job.json")
    assert job.clips[0].video == str(tmp_path / "a.mp4")
    assert job.solve.head == str(tmp_path / "shots" / "flame.pkl")
    assert job.clean.profile == str(tmp_path / "shots" / "x.actor.json")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([], "it is []; it should be an object with names"),
        ({}, "format_version is missing"),
        ({"format_version": 2}, "format_version is 2; it is 1"),
        ({"solve": {"solver": "smrk"}}, 'solve.solver is "smrk"; it is "smirk" or "landmarks" or null'),
        ({"solve": {"heads": "x"}}, "solve.heads is unknown; the names there are solver, head,"),
        ({"clips": [{"video": "a"}, {"name": "b"}]}, "clips[1].video is missing"),
        ({"clips": [{"video": "a", "face": 0}]}, "clips[0].face is 0; it is 1 at least"),
        ({"clips": [{"video": "a", "face": "both"}]}, 'clips[0].face is "both"; it is like all'),
        ({"solve": {"image_fps": 0}}, "solve.image_fps is 0; it is more than 0"),
        ({"clips": [{"video": "a", "first_frame": True}]}, "first_frame is true; it should be a whole number or null"),
        ({"steps": [[]]}, "steps[0] is empty"),
        ({"clean": {"settings": {"gains": {"ears": 1}}}}, "clean.settings: gains has no setting ears"),
    ],
)
def test_what_is_wrong_is_said_with_field_and_place(facts, said):
    facts = {"format_version": 1} | facts if isinstance(facts, dict) and facts else facts
    with pytest.raises(BatchError) as caught:
        job_of(facts, "night.json")
    assert said in str(caught.value) and str(caught.value).startswith("night.json is no job: ")
    assert "job.schema.json" in str(caught.value)


def test_a_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(BatchError, match="job.json is no JSON"):
        load_job(tmp_path / "job.json")
    with pytest.raises(BatchError, match="Cannot read the job .*none.json"):
        load_job(tmp_path / "none.json")


@pytest.mark.parametrize(("kind", "expected"), [("csv", ["retarget"]), ("glb", ["retarget", "export"])])
def test_a_character_that_changes_is_retargeted_onto_again(tmp_path, kind, expected):
    for name in ("a.mp4", "hero.glb", "hero.retarget.json"):
        (tmp_path / name).write_bytes(b"before")
    facts = {"retarget": {"character": "hero.glb", "profile": "hero.retarget.json"}, "export": {"formats": [kind]}}
    job = job_of({"format_version": 1, "clips": [{"video": "a.mp4", "name": "a"}]} | facts, folder=tmp_path)
    assert job.retarget.character == str(tmp_path / "hero.glb")
    before = step_keys(job, job.clips[0], Hashes(None), "1")
    assert list(before) == ["solve", "clean", "preview", "bake", "retarget", "export"]
    for name in ("hero.glb", "hero.retarget.json"):
        (tmp_path / name).write_bytes(b"and after")
        after = step_keys(job, job.clips[0], Hashes(None), "1")
        assert [step for step in after if after[step] != before[step]] == expected
        before = after


def test_the_exports_of_a_job_are_those_of_the_command():
    formats = schema()["properties"]["export"]["properties"]["formats"]["items"]["enum"]
    assert set(formats) == set(export.FORMATS) - {"avatars", "mp4"}  # a folder, and the preview
    assert PLAYED == set(export.PLAYED)


def test_names_that_are_no_text_are_kept_to_the_last_byte(tmp_path):
    video = str(tmp_path / "caf\udce9 \u65e5.mp4")  # a byte of Latin 1, as file systems of old have it
    path = save_job(Job((Clip(video, "caf\udce9"),)), tmp_path / "job.json")
    assert load_job(path).clips[0] == Clip(video, "caf\udce9")
