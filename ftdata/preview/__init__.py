"""PREVIEW: samples as people read them, and the exact text that training sees."""
