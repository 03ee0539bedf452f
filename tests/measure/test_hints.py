"""The hints that are shipped ready made."""

from ftdata.measure.hints import FILE, computed, hint


def test_the_hints_on_disk_are_those_of_the_detectors():
    assert {name: hint(name) for name in computed()} == computed(), f"python -m ftdata.measure.hints writes {FILE.name} anew"
