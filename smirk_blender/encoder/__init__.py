"""SMIRK's encoder: face crops (N, 224, 224, 3) in, FLAME parameters out. Writes no file, knows no video. No `bpy` here."""

from .encoder import Encoder, EncoderOutput, load_encoder

__all__ = ["Encoder", "EncoderOutput", "load_encoder"]
