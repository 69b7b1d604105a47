"""SMIRK's encoder: face crops (N, 224, 224, 3) in, FLAME parameters out. Writes no file, knows no video. No `bpy` here."""

from .encoder import BATCH_SIZE, Encoder, EncoderOutput, load_encoder, use_threads

__all__ = ["BATCH_SIZE", "Encoder", "EncoderOutput", "load_encoder", "use_threads"]
