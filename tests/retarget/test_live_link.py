"""CSV files of Live Link Face: written, read, read by place, and as other apps write them."""

import csv
import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.errors import RetargetError
from smirk_blender.retarget.arkit import ARKIT_NAMES
from smirk_blender.retarget.arkit_curves import INDEX
from smirk_blender.retarget.live_link import read_live_link, write_live_link
from tests.retarget.curves import made_up_curves

# The app's first row.
HEADER = (
    "Timecode,BlendshapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,EyeLookUpLeft,EyeSquintLeft,"
    "EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,EyeLookOutRight,EyeLookUpRight,EyeSquintRight,"
    "EyeWideRight,JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,"
    "MouthSmileLeft,MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,MouthStretchLeft,"
    "MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,MouthShrugUpper,MouthPressLeft,MouthPressRight,"
    "MouthLowerDownLeft,MouthLowerDownRight,MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,"
    "BrowOuterUpLeft,BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll"
)
# By place, as an importer that never looks at the first row has them: columns 2 to 53.
PLACES = """eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
    eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight jawForward
    jawRight jawLeft jawOpen mouthClose mouthFunnel mouthPucker mouthRight mouthLeft mouthSmileLeft mouthSmileRight
    mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower
    mouthRollUpper mouthShrugLower mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight
    mouthUpperUpLeft mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff
    cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut""".split()
RATES = [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 50, Fraction(60000, 1001), 60]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "MySlate_1_Ann.csv"


def rows_of(path):
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def row_at(timecode, value=0.25, *, count=61, num_values=61):
    return ",".join([timecode, str(count)] + [str(value)] * num_values)


def write(path, *rows, header=HEADER, line_end="\n", encoding="utf-8"):
    path.write_bytes(line_end.join([header, *rows, ""]).encode(encoding))
    return path


def test_a_written_file_reads_back_the_same(file, figure):
    curves = made_up_curves(150)
    read = read_live_link(write_live_link(curves, file))
    error = np.abs(read.weights - curves.weights).max()
    figure("greatest error of a weight", error)
    assert error < 1e-5
    for name in ("head", "eyes"):
        np.testing.assert_allclose(getattr(read, name), getattr(curves, name), atol=1e-5)  # radians
    np.testing.assert_allclose(read.time_s, curves.time_s, atol=1e-9)
    assert (read.fps, read.missing) == (60, ())


def test_a_reader_that_goes_by_place_gets_every_weight_and_angle(file):
    curves = made_up_curves(70)
    header, *rows = rows_of(write_live_link(curves, file))
    assert ",".join(header) == HEADER
    values = np.array([row[1:] for row in rows], float)
    assert np.all(values[:, 0] == 61) and values.shape == (70, 62)
    for column, name in enumerate(PLACES, start=1):
        np.testing.assert_allclose(values[:, column], curves.weight(name), atol=1e-5, err_msg=name)
    yaw, pitch, roll = values[:, 53:56].T
    only_yaw = replace(curves, head=np.pad(curves.head[:, 1:2], ((0, 0), (1, 1))))
    written = np.array([row[54] for row in rows_of(write_live_link(only_yaw, file))[1:]], float)
    np.testing.assert_allclose(written, -curves.head[:, 1], atol=1e-5)  # radians
    assert np.all(np.abs([yaw, pitch, roll]) < np.pi)


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_times_of_every_rate_come_back(file, fps):
    fps = Fraction(fps)
    curves = made_up_curves(130, fps=fps)
    curves = replace(curves, time_s=np.round(curves.time_s, 4) + 2.0)  # as containers keep them, and of a part
    write_live_link(curves, file)
    read = read_live_link(file, fps=fps)
    assert all(row[0].endswith(".000") for row in rows_of(file)[1:])
    np.testing.assert_allclose(read.time_s, np.arange(130) / float(fps), atol=1e-9)  # seconds
    guessed = read_live_link(file)
    assert guessed.fps == round(fps)
    np.testing.assert_allclose(guessed.time_s, np.arange(130) / round(fps), atol=1e-9)


def test_times_between_frames_are_kept_to_a_thousandth_of_one(file):
    times = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.05, 90))
    curves = made_up_curves(90, fps=Fraction(30), time_s=times)
    read = read_live_link(write_live_link(curves, file), fps=Fraction(30))
    np.testing.assert_allclose(read.time_s, times - times[0], atol=1e-3 / 30)  # seconds


def test_the_first_rows_time_of_day_is_taken_off_and_midnight_is_no_step_back(file):
    codes = [f"23:59:59:{frame:02d}.944" for frame in range(60)] + [f"00:00:00:{frame:02d}.944" for frame in range(60)]
    read = read_live_link(write(file, *map(row_at, codes)))
    assert read.fps == 60
    np.testing.assert_allclose(read.time_s, np.arange(120) / 60, atol=1e-6)  # seconds


def test_rows_without_a_face_are_left_out_and_the_others_keep_their_time(file):
    rows = [row_at(f"07:44:57:{frame:02d}.000", value=frame / 100) for frame in range(30)]
    rows += [row_at(f"07:44:58:{frame:02d}.000", value=frame / 100) for frame in range(30)]
    rows[4] = "07:44:57:04.000,0"
    rows[5] = "07:44:57:05.000,0" + "," * 61
    rows[6] = ",".join(rows[6].split(",")[:20] + [""] + rows[6].split(",")[21:])
    rows[7] = rows[7].replace(",0.07,", ",nan,", 1)
    rows[59] = rows[59][:100]  # the app was stopped while it wrote
    read = read_live_link(write(file, *rows))
    there = [frame for frame in range(59) if frame not in (4, 5, 6, 7)]
    np.testing.assert_allclose(read.time_s, np.array(there) / 30, atol=1e-9)  # seconds
    np.testing.assert_allclose(read.weight("jawOpen"), [frame % 30 / 100 for frame in there], atol=1e-12)


def test_rows_out_of_order_are_put_in_order_and_of_a_time_that_comes_twice_the_later_counts(file):
    codes = ["00:00:00:02", "00:00:00:01", "00:00:00:03", "00:00:00:03", "00:00:01:29"]
    read = read_live_link(write(file, *(row_at(code, value) for code, value in zip(codes, (0.2, 0.1, 0.3, 0.4, 0.5)))))
    np.testing.assert_allclose(read.weight("jawOpen"), [0.1, 0.2, 0.4, 0.5])
    np.testing.assert_allclose(read.time_s, np.array([0, 1, 2, 58]) / 30)  # seconds


def test_thousandths_of_the_second_are_not_taken_for_parts_of_a_frame(file):
    codes = [f"00:00:{row // 60:02d}:{row % 60:02d}.{int(row % 60 / 60 * 1000 + 0.5):03d}" for row in range(120)]
    np.testing.assert_allclose(read_live_link(write(file, *map(row_at, codes))).time_s, np.arange(120) / 60, atol=1e-6)


def test_a_timecode_that_runs_faster_than_the_camera_gives_the_cameras_rate(file):
    codes = [f"00:00:{row // 30:02d}:{row % 30 * 2:02d}.000" for row in range(90)]
    write(file, *map(row_at, codes))
    assert read_live_link(file).fps == 30
    given = read_live_link(file, fps=Fraction(30000, 1001))
    np.testing.assert_allclose(given.time_s, np.arange(90) * 1001 / 30000, atol=1e-9)  # seconds


@pytest.mark.parametrize(
    ("value", "given", "turned"),
    [(0.5, None, 0.5), (30.0, None, np.radians(30)), (2.0, True, np.radians(2)), (2.0, False, 2.0)],
)
def test_angles_are_radians_unless_one_is_beyond_half_a_turn_or_it_is_said(file, value, given, turned):
    row = row_at("00:00:00:00", 0).split(",")
    row[HEADER.split(",").index("HeadYaw")] = str(value)
    read = read_live_link(write(file, ",".join(row)), degrees=given)
    np.testing.assert_allclose(read.head, [[0, -turned, 0]], atol=1e-9)  # radians


@pytest.mark.parametrize(
    "spell",
    [
        str.lower,
        lambda header: header.replace("BlendshapeCount", "BlendShapeCount"),
        lambda header: re.sub("(Left|Right)(?=,)", lambda side: "_" + side.group()[0], header),
        lambda header: ", ".join(header.split(",")),
    ],
)
def test_columns_are_found_in_other_spellings(file, spell):
    curves = made_up_curves(61)
    write_live_link(curves, file)
    content = file.read_text(encoding="utf-8").replace(HEADER, spell(HEADER))
    file.write_text(content, encoding="utf-8")
    np.testing.assert_allclose(read_live_link(file).weights, curves.weights, atol=1e-5)


def test_columns_in_another_order_are_found_by_name(file):
    curves = made_up_curves(61)
    rows = rows_of(write_live_link(curves, file))
    order = np.random.default_rng(1).permutation(len(rows[0]))
    write(file, *(",".join(np.array(row)[order]) for row in rows[1:]), header=",".join(np.array(rows[0])[order]))
    read = read_live_link(file)
    np.testing.assert_allclose(read.weights, curves.weights, atol=1e-5)
    np.testing.assert_allclose(read.head, curves.head, atol=1e-5)  # radians


@pytest.mark.parametrize(("num_values", "num_columns"), [(51, 51), (52, 52), (52, 61)])
def test_files_without_angles_or_the_tongue_are_read(file, num_values, num_columns):
    header = ",".join(HEADER.split(",")[: 2 + num_columns])
    read = read_live_link(write(file, row_at("00:00:00:00", count=num_values, num_values=num_values), header=header))
    np.testing.assert_allclose(read.weights[0, :num_values], 0.25)
    assert not read.head.any() and not read.eyes.any()
    assert read.missing == (("tongueOut",) if num_values == 51 else ())


def test_a_files_marks_line_ends_and_delimiters_do_not_matter(file):
    curves = made_up_curves(61)
    content = write_live_link(curves, file).read_text(encoding="utf-8")
    for changed in ("\ufeff" + content, content.replace("\n", "\r\n"), content.replace(",", ";"), content + "\n\n"):
        file.write_bytes(changed.encode("utf-8"))
        np.testing.assert_allclose(read_live_link(file).weights, curves.weights, atol=1e-5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"frame,x,y\n1,2,3\n", "begins with 'frame, x, y'"),
        (b"\x89PNG\r\n\x1a\n\x00\xff", "is not a CSV file"),
        (f"{HEADER}\n{row_at('00:00:00:00', 'much')}\n".encode(), "'much' for eyeBlinkLeft in row 2"),
        (f"{HEADER}\n{row_at('0.016')}\n".encode(), "timecode '0.016' in row 2"),
        (f"{HEADER}\n00:00:00:00,0\n".encode(), "no row with a face"),
    ],
)
def test_another_file_is_refused_by_name_and_row(file, content, said):
    file.write_bytes(content)
    with pytest.raises(RetargetError, match=said) as error:
        read_live_link(file)
    assert file.name in str(error.value)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(RetargetError, match="Cannot read .*nothing.csv"):
        read_live_link(tmp_path / "nothing.csv")
    with pytest.raises(RetargetError, match="Cannot write"):
        write_live_link(made_up_curves(2), tmp_path / "nowhere" / "out.csv")


def test_left_is_left_in_the_file(file):
    weights = np.zeros((61, 52))
    weights[:, INDEX["jawLeft"]], weights[:, INDEX["mouthRight"]] = 0.5, 0.75
    rows = rows_of(write_live_link(made_up_curves(61, weights=weights), file))
    assert {name for name, value in zip(rows[0][2:54], rows[1][2:54]) if float(value)} == {"JawLeft", "MouthRight"}
    assert len(ARKIT_NAMES) == 52
