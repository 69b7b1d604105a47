"""Small videos whose every frame says its number, and the surgery that gives them odd timestamps or a rotation."""

import struct
from pathlib import Path

import cv2
import numpy as np

SIZE_PX = (64, 48)  # width, height
BITS = 6


def write_code_video(path: Path, num_frames: int, fps: float = 25.0) -> Path:
    """Write an MP4 whose frame k shows k in binary: BITS columns, white for 1; a white bar on top marks what is up."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, SIZE_PX)
    assert writer.isOpened()
    for number in range(num_frames):
        picture = np.zeros((SIZE_PX[1], SIZE_PX[0], 3), np.uint8)
        picture[:8] = 255
        for bit in range(BITS):
            if number >> bit & 1:
                picture[16:, 2 + bit * 10 : 10 + bit * 10] = 255
        writer.write(picture)
    writer.release()
    return path


def read_code(rgb: np.ndarray) -> int:
    """Return the number that a frame shows."""
    return sum(int(rgb[32, 6 + bit * 10].mean() > 127) << bit for bit in range(BITS))


def set_frame_durations(path: Path, units_per_second: int, durations: list[int]) -> None:
    """Give an MP4's frames these durations, in units of a new time scale; the file's `moov` box must come last."""
    content = path.read_bytes().replace(b"edts", b"free")  # the edit list would cut the clip at its old length
    at = content.index(b"stts") - 4
    size = struct.unpack(">I", content[at : at + 4])[0]
    entries = b"".join(struct.pack(">II", 1, duration) for duration in durations)
    box = struct.pack(">I4sII", 16 + len(entries), b"stts", 0, len(durations)) + entries
    grown = bytearray(content[:at] + box + content[at + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        start = grown.index(name) - 4
        struct.pack_into(">I", grown, start, struct.unpack_from(">I", grown, start)[0] + len(box) - size)
    header = grown.index(b"mdhd") + 4
    struct.pack_into(">II", grown, header + 12, units_per_second, sum(durations))
    path.write_bytes(grown)


def set_rotation(path: Path, degrees: int) -> None:
    """Set an MP4's rotation metadata: by so much is the picture to be turned clockwise when it is shown."""
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[degrees // 90]
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    one = 0x10000
    struct.pack_into(
        ">9i", content, matrix, cosine * one, sine * one, 0, -sine * one, cosine * one, 0, 0, 0, 0x40000000
    )
    path.write_bytes(content)
