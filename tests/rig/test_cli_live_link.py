"""The command that exchanges takes with Live Link Face's CSV files."""

from fractions import Fraction

import numpy as np
import pytest

from smirk_blender.cli import main
from smirk_blender.flame import builtin_head
from smirk_blender.retarget.arkit_curves import take_of_curves
from smirk_blender.retarget.live_link import read_live_link
from smirk_blender.take import load_take, save_take
from tests.builders import make_take, tiny_head
from tests.retarget.curves import made_up_curves


@pytest.fixture
def smirk(tmp_path, capfd):
    """Run a command on files of this test, by their names; return what it printed."""

    def run(*arguments, code=0):
        given = [str(tmp_path / text) if text.endswith((".npz", ".csv")) else text for text in arguments]
        assert main(given) == code, capfd.readouterr().err
        printed = capfd.readouterr()
        return printed.err if code else printed.out

    return run


@pytest.mark.parametrize(("fps", "said"), [(Fraction(30000, 1001), "29.97"), (Fraction(24), "24")])
def test_a_take_goes_out_and_comes_back(smirk, tmp_path, fps, said):
    take = take_of_curves(made_up_curves(70, fps=fps), "a.mp4")
    save_take(take, tmp_path / "a.take.npz")
    printed = smirk("livelink", "export", "a.take.npz", "a.csv")
    assert f"a.csv: 70 frames at {said} frames per second" in printed and "Always 0: tongueOut" in printed
    printed = smirk("livelink", "import", "a.csv", "b.take.npz", "--fps", said)
    assert f"70 frames at {said} frames per second, 0 of them without a face" in printed
    back = load_take(tmp_path / "b.take.npz")
    assert (back.fps, back.source.name, back.models) == (fps, "a.csv", builtin_head().models())
    for name in ("expression", "jaw_pose", "eyelid", "eye_pose", "head_pose", "time_s"):
        np.testing.assert_allclose(getattr(back, name), getattr(take, name), atol=1e-5, err_msg=name)


def test_the_unit_and_what_is_lacking_are_said(smirk, tmp_path):
    take = take_of_curves(made_up_curves(61), "a.mp4")
    save_take(take, tmp_path / "a.take.npz")
    smirk("livelink", "export", "a.take.npz", "a.csv")
    lines = (tmp_path / "a.csv").read_text(encoding="utf-8").replace("TongueOut", "Tongue").splitlines()
    (tmp_path / "a.csv").write_text("\n".join(lines[:5] + lines[6:]), encoding="utf-8")
    printed = smirk("livelink", "import", "a.csv", "b.take.npz", "--degrees")
    assert "61 frames at 60 frames per second by its timecodes" in printed and "1 of them without a face" in printed
    assert "It has no column for tongueOut" in printed
    head = read_live_link(tmp_path / "a.csv", degrees=True).head
    np.testing.assert_allclose(load_take(tmp_path / "b.take.npz").head_pose[0], head[0], atol=1e-6)  # radians


def test_what_cannot_be_exchanged_is_said(smirk, tmp_path):
    save_take(make_take(3, tiny_head()), tmp_path / "tiny.take.npz")
    assert "was solved on tiny 0, not on Built-in" in smirk("livelink", "export", "tiny.take.npz", "a.csv", code=1)
    (tmp_path / "words.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert "words.csv is no CSV of Live Link Face" in smirk("livelink", "import", "words.csv", "b.take.npz", code=1)
    for rate in ("0", "1/0", "fast"):
        smirk("livelink", "import", "words.csv", "b.take.npz", "--fps", rate, code=2)
    smirk("livelink", code=2)
    assert not (tmp_path / "a.csv").exists() and not (tmp_path / "b.take.npz").exists()
