"""What bones are for, told by their names."""

import pytest

from smirk_blender.retarget.bone_names import NamedBones, find_named_bones, lean

OLD_RIGIFY = """root ORG-face MCH-jaw_master DEF-jaw DEF-lip.T.L ORG-lip.T.L ORG-eye.L DEF-eye.L jaw_master jaw jaw.L
jaw.L.001 chin chin.001 chin.L master_eye.L master_eye.R eyes eye.L eye.R lips.L lip.T lip.T.L.001 lip.B.L.001
lid.T.L.002 brow.T.L.001 cheek.B.L.001 nose.005 nose_master teeth.T tongue tongue_master ear.L head neck""".split()
NEW_RIGIFY = """ORG-face jaw_master jaw_master_mouth MCH-jaw_master_lock chin_end.001 nose_end.004 nose_master
eye_master.L eye_master.R eye.L eye.R lip.T lip_end.L.001 brow_end.T.L.003 ear_end.L.004 temple.L forehead.L.001
tweak_tongue.003 DEF-lip_end.L.001""".split()
METARIG = """spine.005 spine.006 face nose nose.001 lip.T.L lip.B.L jaw chin jaw.L jaw.L.001 jaw.R jaw.R.001 eye.L eye.R
lid.T.L brow.T.L teeth.T tongue""".split()


def named(names, hidden=(), parents=None) -> NamedBones:
    return find_named_bones(dict.fromkeys(names, "") | (parents or {}), hidden)


@pytest.mark.parametrize(
    ("names", "jaw", "eye_L", "eye_R", "head", "neck"),
    [
        ("mixamorig:Head mixamorig:HeadTop_End mixamorig:Neck mixamorig:LeftEye mixamorig:RightEye",
         "", "mixamorig:LeftEye", "mixamorig:RightEye", "mixamorig:Head", "mixamorig:Neck"),
        ("head neck_01 FACIAL_C_FacialRoot FACIAL_C_Jaw FACIAL_L_Eye FACIAL_R_Eye FACIAL_L_EyelidUpperA",
         "FACIAL_C_Jaw", "FACIAL_L_Eye", "FACIAL_R_Eye", "head", "neck_01"),
        ("head jaw eyeball_l eyeball_r eyelid_upper_l", "jaw", "eyeball_l", "eyeball_r", "head", ""),
        ("CC_Base_Head CC_Base_NeckTwist01 CC_Base_JawRoot CC_Base_UpperJaw CC_Base_L_Eye CC_Base_R_Eye",
         "CC_Base_JawRoot", "CC_Base_L_Eye", "CC_Base_R_Eye", "CC_Base_Head", "CC_Base_NeckTwist01"),
        ("J_Bip_C_Head J_Bip_C_Neck J_Adj_L_FaceEye J_Adj_R_FaceEye J_Sec_Hair1_01",
         "", "J_Adj_L_FaceEye", "J_Adj_R_FaceEye", "J_Bip_C_Head", "J_Bip_C_Neck"),
        ("Head Neck Jaw LeftEye RightEye LeftEye_end", "Jaw", "LeftEye", "RightEye", "Head", "Neck"),
        ("head neckLower lowerJaw upperJaw lEye rEye lEar", "lowerJaw", "lEye", "rEye", "head", "neckLower"),
        ("ValveBiped.Bip01_Head1 ValveBiped.Bip01_Neck1",
         "", "", "", "ValveBiped.Bip01_Head1", "ValveBiped.Bip01_Neck1"),
        ("c_jawbone.x c_head.x neck.x c_eye.l c_eye.r", "c_jawbone.x", "c_eye.l", "c_eye.r", "c_head.x", "neck.x"),
        ("grp_eyeLeft eyeLeft grp_eyeRight eyeRight teeth", "", "grp_eyeLeft", "grp_eyeRight", "", ""),
        ("DEF-head DEF-jaw DEF-eye.L DEF-eye.R", "DEF-jaw", "DEF-eye.L", "DEF-eye.R", "DEF-head", ""),
    ],
)  # fmt: skip
def test_usual_rigs_are_read_as_their_makers_meant_them(names, jaw, eye_L, eye_R, head, neck):
    found = named(names.split())
    assert (found.jaw, found.eye_L, found.eye_R, found.head, found.neck) == (jaw, eye_L, eye_R, head, neck)


def test_names_that_only_look_alike_are_nothing():
    found = named(
        "head_end headset Overhead forehead_prop_root jaw_end eyebrowsMaster eye_end.L eyes eyelash.L neckerchief "
        "necktie ORG-head MCH-jaw VIS-eye.L jaw.L".split()
    )
    assert (found.jaw, found.eye_L, found.eye_R, found.head, found.neck, found.aim_L) == ("",) * 6


def test_an_old_rigify_face_gives_its_controls_and_none_of_its_mechanisms():
    found = named(OLD_RIGIFY)
    assert (found.jaw, found.head, found.neck) == ("jaw_master", "head", "neck")
    assert (found.eye_L, found.aim_L, found.eye_R, found.aim_R) == ("master_eye.L", "eye.L", "master_eye.R", "eye.R")
    assert set(found.surface) == set(
        "jaw jaw.L jaw.L.001 chin chin.001 chin.L lips.L lip.T lip.T.L.001 lip.B.L.001 lid.T.L.002 brow.T.L.001 "
        "cheek.B.L.001 nose.005".split()
    )


def test_an_upgraded_rigify_face_gives_its_ends_too():
    found = named(NEW_RIGIFY)
    assert (found.jaw, found.eye_L, found.aim_L) == ("jaw_master", "eye_master.L", "eye.L")
    assert set(found.surface) == set(
        "chin_end.001 nose_end.004 lip.T lip_end.L.001 brow_end.T.L.003 temple.L forehead.L.001".split()
    )


def test_a_metarig_has_eyes_and_no_hinge_of_the_jaw():
    found = named(METARIG)
    assert (found.jaw, found.eye_L, found.eye_R, found.aim_L) == ("", "eye.L", "eye.R", "")
    assert {"jaw", "chin", "jaw.L.001", "lid.T.L"} <= set(found.surface)


def test_a_bone_that_is_seen_goes_before_one_that_is_hidden():
    assert named(["jaw", "jaw_ctrl"]).jaw == "jaw"
    assert named(["jaw", "jaw_ctrl"], hidden=["jaw"]).jaw == "jaw_ctrl"
    assert named(["jaw"], hidden=["jaw"]).jaw == "jaw"


def test_the_neck_is_the_one_that_carries_the_head():
    names = ["neck_01", "neck_02", "head"]
    assert named(names).neck == "neck_01"
    assert named(names, parents={"head": "neck_02", "neck_02": "neck_01"}).neck == "neck_02"


def test_eyes_that_look_at_something_have_it_named():
    found = named(["c_eye.l", "c_eye_target.l", "eye_target.r"])
    assert (found.eye_L, found.aim_L, found.aim_R) == ("c_eye.l", "c_eye_target.l", "eye_target.r")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("lip.T.L.001", 1), ("lid.B.R", -1), ("FACIAL_L_EyelidUpperA", 1), ("lips.L", 0), ("brow.B.L", 0),
     ("LipLowerMiddle", -1), ("cheek.T.L.001", 0), ("c_lips_bot.l", -1)],
)  # fmt: skip
def test_upper_and_lower_lips_and_lids_are_told_apart(name, expected):
    assert lean(name) == expected


def test_no_bones_are_no_error():
    assert find_named_bones({}) == NamedBones()
