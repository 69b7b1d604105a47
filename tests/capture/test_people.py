"""Who is in the footage, and whose take is whose."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from smirk_blender.capture import SolveOptions, solve, solve_video
from smirk_blender.capture.face_mesh import open_face_mesh
from smirk_blender.capture.people import find_people
from smirk_blender.capture.protocol import Done, Progress, Seen, Warned
from smirk_blender.capture.roster import load_roster, without_doubles
from smirk_blender.errors import SmirkError, TakeError, VideoError
from smirk_blender.flame import builtin_head
from smirk_blender.sample import SAMPLE_CLIP
from smirk_blender.take import load_take, save_take
from tests.capture.pasted import CANVAS_PX, FPS, from_left_to_right, read_clip, truth, write_pasted
from tests.capture.quick_solver import QuickSolver
from tests.capture.videos import write_code_video

ACTOR_SQUARE = (380, 60, 620)  # the actor's head in every frame of actor_a.mp4; left, top, side, pixels
CLIP_PX = 300
HIDDEN_PX = 20  # more than this off, a face is half hidden and its landmarks are guessed


@pytest.fixture
def quick(monkeypatch):
    """Solve with a solver that only counts: these tests are about whose landmarks are whose."""
    monkeypatch.setattr(solve, "open_solver", lambda *args, **kwargs: QuickSolver())


def found(video, folder, **options):
    folder.mkdir(exist_ok=True)
    messages = list(find_people(str(video), str(folder), **options))
    return [message for message in messages if isinstance(message, Seen)], messages


def solved_faces(video, folder, **options):
    """Return the takes of everybody in a video, and the messages."""
    options = {"people": str(folder / "people.npz"), "face": "all"} | options
    messages = list(solve_video(video, folder / "out.take.npz", SolveOptions(**options)))
    return [load_take(path) for path in messages[-1].paths], messages


def whose(take, truths):
    """Return for each frame with a face whose landmarks are nearest, and how far they are: (K,) and (K,) pixels."""
    seen = np.flatnonzero(~take.gap)
    away = [np.linalg.norm(one[seen] - take.landmarks[seen, :, :2], axis=-1).mean(axis=1) for one in truths]
    away = np.where(np.isnan(away), np.inf, away)
    return away.argmin(axis=0), away.min(axis=0)


@pytest.fixture(scope="module")
def two_clips(shared_folder):
    """150 frames of the sample clip and of the actor, as squares."""
    actor = read_clip(shared_folder / "footage" / "actor_a.mp4", CLIP_PX, 150, square=ACTOR_SQUARE)
    return read_clip(SAMPLE_CLIP, CLIP_PX, 150), actor


@pytest.mark.parametrize("in_front", ["actor", "sample"])
def test_two_people_who_cross_keep_their_takes(two_clips, in_front, tmp_path, figure, quick):
    clips = two_clips if in_front == "actor" else two_clips[::-1]
    ways = [from_left_to_right(150), from_left_to_right(150, back=True)]
    video = write_pasted(tmp_path / "cross.mp4", clips, ways, 150)
    everybody, _ = found(video, tmp_path / "people")
    assert len(everybody) == 2
    takes, _ = solved_faces(video, tmp_path / "people")
    truths = [truth(clip, way) for clip, way in zip(clips, ways)]
    owners = []
    for take in takes:
        owner, away = whose(take, truths)
        clear = away < HIDDEN_PX
        owners.append(np.bincount(owner[clear]).argmax())
        assert (owner[clear] == owners[-1]).all(), np.flatnonzero(~take.gap)[clear & (owner != owners[-1])]
        assert clear.mean() > 0.85 and len(take) == 150
        figure("frames with a face", len(owner))
        figure("frames of the right person", 100 * (owner == owners[-1]).mean(), "%")
    assert sorted(owners) == [0, 1]


def test_somebody_who_comes_back_on_the_other_side_is_the_same(two_clips, tmp_path, quick):
    leaves = lambda frame: (160.0, 200.0) if frame < 60 else (800.0, 200.0) if frame >= 95 else None
    stays = lambda frame: (480.0, 200.0)
    video = write_pasted(tmp_path / "leaves.mp4", two_clips, [stays, leaves], 150)
    everybody, messages = found(video, tmp_path / "people")
    assert [seen.num_frames for seen in everybody] == [30, 23] and everybody[0].num_looked == 30
    takes, messages = solved_faces(video, tmp_path / "people")
    np.testing.assert_array_equal(np.flatnonzero(takes[1].gap), np.arange(60, 95))
    owner, _ = whose(takes[1], [truth(clip, way) for clip, way in zip(two_clips, [stays, leaves])])
    assert (owner == 1).all()
    texts = [message.text for message in messages if isinstance(message, Warned)]
    assert [text.split(";")[0] for text in texts] == ["Face 2 is not seen in frames 60-94 of leaves.mp4"]


@pytest.mark.parametrize("shot_frames", [25, 60])
def test_two_who_alternate_in_one_place_are_two(two_clips, shot_frames, tmp_path, figure, quick):
    clips = [clip + clip[::-1] for clip in two_clips]
    ways = [lambda frame, turn=turn: (480.0, 200.0) if frame // shot_frames % 2 == turn else None for turn in (0, 1)]
    video = write_pasted(tmp_path / "turns.mp4", clips, ways, 240)
    found(video, tmp_path / "people")
    roster = load_roster(tmp_path / "people" / "people.npz")
    turns = [person.video_frames // shot_frames % 2 for person in roster.persons]
    assert all(len(set(turn)) == 1 for turn in turns), turns
    assert turns[0][0] != turns[1][0]
    figure("looks of the two persons", 100 * (len(turns[0]) + len(turns[1])) / sum(map(len, turns)), "% of all")
    assert len(turns[0]) + len(turns[1]) > 0.85 * sum(map(len, turns))
    takes, _ = solved_faces(video, tmp_path / "people")
    for take, turn in zip(takes[:2], turns):
        shown = np.flatnonzero(~take.gap) // shot_frames % 2 == turn[0]
        figure("frames of the right person", 100 * shown.mean(), "%")
        assert shown.mean() > 0.95


def test_who_is_not_in_the_roster_gets_no_take(two_clips, tmp_path, figure, quick):
    stays = lambda frame: (200.0, 200.0) if frame < 50 else None
    comes = lambda frame: (700.0, 200.0) if frame >= 60 else None
    for number, clips in enumerate((two_clips, two_clips[::-1])):
        video = write_pasted(tmp_path / f"{number}.mp4", clips, [stays, comes], 150)
        found(video, tmp_path / str(number), footage={"last_frame": 49})
        takes, _ = solved_faces(video, tmp_path / str(number), face=0)
        figure("frames of the stranger", (~takes[0].gap[55:]).sum())
        assert takes[0].gap[55:].all() and not takes[0].gap[:50].any()


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """A video of the sample clip and its mirror image, one face, crossing; their truths, people and folder."""
    folder = tmp_path_factory.mktemp("twins")
    clip = read_clip(SAMPLE_CLIP, CLIP_PX, 110)
    clips = [clip, [np.ascontiguousarray(picture[:, ::-1]) for picture in clip]]
    ways = [from_left_to_right(110), from_left_to_right(110, back=True)]
    video = write_pasted(folder / "twins.mp4", clips, ways, 110)
    everybody, messages = found(video, folder)
    return video, [truth(clip, way) for clip, way in zip(clips, ways)], everybody, messages, folder


def test_twins_are_told_apart_by_where_they_go(twins, figure, quick):
    video, truths, everybody, _, folder = twins
    assert len(everybody) == 2
    takes, messages = solved_faces(video, folder)
    assert [Path(path).name for path in messages[-1].paths] == ["out_face1.take.npz", "out_face2.take.npz"]
    owners = []
    for take in takes:
        owner, away = whose(take, truths)
        owner = owner[away < HIDDEN_PX]
        owners.append(np.bincount(owner).argmax())
        figure("frames of the right person", 100 * (owner == owners[-1]).mean(), "%")
        assert (owner == owners[-1]).mean() > 0.98  # where they lie on each other, nobody knows
    assert sorted(owners) == [0, 1]
    fits = [message for message in messages if isinstance(message, Progress) and message.stage == "fit"]
    counts = [message.video_frame for message in fits]
    assert counts == sorted(counts) and fits[-1].num_frames == messages[-1].num_faces == sum(map(len, takes)) - sum(
        take.gap.sum() for take in takes
    )


def test_everybody_is_shown_with_a_picture_and_a_place(twins):
    _, _, everybody, messages, folder = twins
    assert [seen.face for seen in everybody] == [0, 1]
    for seen in everybody:
        assert cv2.imread(seen.thumbnail_path).shape == (128, 128, 3)
        left, top, right, bottom = seen.box
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        height_px = (bottom - top) * CANVAS_PX[1]
        assert 0.4 * CLIP_PX < height_px < CLIP_PX
    assert isinstance(messages[-1], Done) and messages[-1].paths == [str(folder / "people.npz")]
    roster = load_roster(folder / "people.npz")
    assert (len(roster.persons), roster.size_px, roster.fps, roster.most_at_once) == (2, CANVAS_PX, FPS, 2)


def test_a_take_that_cannot_be_saved_leaves_none_of_the_others(twins, tmp_path, monkeypatch, quick):
    video, _, _, _, folder = twins
    saved = []

    def save_first(take, path):
        if saved:
            raise TakeError("full")
        saved.append(save_take(take, path))
        return saved[0]

    monkeypatch.setattr(solve, "save_take", save_first)
    options = SolveOptions(people=str(folder / "people.npz"), face="all", last_frame=9)
    with pytest.raises(TakeError, match="full"):
        list(solve_video(video, tmp_path / "out.take.npz", options))
    assert len(saved) == 1 and not list(tmp_path.iterdir())


def test_one_face_of_several_can_be_chosen(twins, quick):
    video, truths, _, _, folder = twins
    takes, messages = solved_faces(video, folder, face=1, first_frame=10, last_frame=29)
    assert messages[-1].paths == [str(folder / "out.take.npz")]
    assert (takes[0].first_frame, len(takes[0]), takes[0].gap.any()) == (10, 20, False)
    everybody, _ = solved_faces(video, folder, first_frame=10, last_frame=29)
    np.testing.assert_allclose(takes[0].landmarks, everybody[1].landmarks, atol=1e-3)  # pixels


def test_a_face_that_is_not_in_the_range_is_named(twins, tmp_path):
    video, _, _, _, folder = twins
    blank = write_pasted(tmp_path / "blank.mp4", [], [], 12)
    with pytest.raises(VideoError, match="Face 2 is not seen in any of the 12 frames of blank.mp4"):
        solved_faces(blank, folder, face=1)
    with pytest.raises(VideoError, match="There is no face 2 in twins.mp4: 2 were found, counted from 0"):
        solved_faces(video, folder, face=2)
    with pytest.raises(SmirkError, match="Find the faces in twins.mp4 first"):
        solved_faces(video, folder, people=None)


def test_people_of_other_footage_are_refused(twins, tmp_path):
    folder = twins[-1]
    small = write_code_video(tmp_path / "codes.mp4", 5)
    with pytest.raises(VideoError, match="found in footage of 960 x 400 pixels, but codes.mp4 has 64 x 48"):
        solved_faces(small, folder)
    (tmp_path / "people.npz").write_bytes(b"nothing")
    with pytest.raises(VideoError, match="people.npz does not say who is in the footage"):
        load_roster(tmp_path / "people.npz")
    np.savez(tmp_path / "people.npz", facts_json=np.array(json.dumps({"format_version": 99})))
    with pytest.raises(VideoError, match="format 99"):
        load_roster(tmp_path / "people.npz")


def test_footage_without_anybody_says_so(tmp_path):
    blank = write_pasted(tmp_path / "blank.mp4", [], [], 30)
    with pytest.raises(VideoError, match="No face in any of the .* frames of blank.mp4 that were looked at"):
        found(blank, tmp_path / "people")


def test_a_face_that_is_found_twice_counts_once():
    head = builtin_head()
    face = np.zeros((478, 3), np.float32)
    face[head.landmarks.indices] = head.landmarks.points(head.template[None])[0] * 1000
    beside = face + np.float32([200, 0, 0])
    kept = without_doubles([face, face + np.float32([5, 3, 0]), beside])
    assert len(kept) == 2 and kept[0] is face and kept[1] is beside


def test_the_one_face_of_a_clip_gives_the_same_take_as_without_people(tmp_path, quick):
    found(SAMPLE_CLIP, tmp_path, footage={"last_frame": 29})
    takes, _ = solved_faces(SAMPLE_CLIP, tmp_path, last_frame=29)
    list(solve_video(SAMPLE_CLIP, tmp_path / "plain.take.npz", SolveOptions(last_frame=29)))
    plain = load_take(tmp_path / "plain.take.npz")
    assert len(takes) == 1
    np.testing.assert_allclose(takes[0].landmarks, plain.landmarks, atol=1e-3)  # pixels


def test_finding_people_looks_at_a_few_frames_a_second(tmp_path, figure):
    _, messages = found(SAMPLE_CLIP, tmp_path)
    search_s = messages[-1].num_frames / messages[-1].fps
    solve = list(solve_video(SAMPLE_CLIP, tmp_path / "plain.take.npz"))[-1]
    figure("time to find people", 100 * search_s * solve.fps / solve.num_frames, "% of the solve, meant are 33 at most")
    num_looked = next(message.num_looked for message in messages if isinstance(message, Seen))
    assert num_looked <= 0.3 * solve.num_frames


def test_the_task_file_finds_several_faces_too(twins, shared_folder):
    task = shared_folder / "models" / "face_landmarker.task"
    mesh = open_face_mesh(task, max_faces=2, every_frame=False)
    picture = cv2.VideoCapture(str(twins[0])).read()[1]
    faces = mesh.find_all(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), 0.0)
    mesh.close()
    assert len(faces) == 2
