"""Stands in for torchaudio, which LLaMA-Factory imports to read sound files; no sample here has any."""
