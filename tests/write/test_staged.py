"""Output files appear whole and together, or not at all."""

import gzip
import os
import stat
from pathlib import Path

import pytest
import zstandard

from ftdata.errors import UsageError
from ftdata.write import Staged, write_atomically


def test_files_appear_together_when_all_are_complete(tmp_path):
    with Staged() as stage:
        stage.open(tmp_path / "a").write(b"1")
        stage.open(tmp_path / "b").write(b"2")
        assert not (tmp_path / "a").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_leaves_nothing_behind_and_the_old_file_as_it_was(tmp_path, error):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error), Staged() as stage:
        stage.open(tmp_path / "a").write(b"new")
        stage.open(tmp_path / "b").write(b"new")
        raise error
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    pid = os.fork()
    if pid == 0:  # a limit on the size of files acts as a full disk, and only in this process
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically(tmp_path / "a", [b"x" * 100_000])
        except UsageError as error:
            os._exit(0 if "cannot be written" in error.message else 3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_written_through_and_keeps_its_permissions(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "real").chmod(0o600)
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", [b"new"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "real").stat().st_mode) == 0o600


def test_a_device_is_written_to_and_not_replaced():
    write_atomically("/dev/null", [b"gone"])
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_compressed_output_is_the_same_every_time(tmp_path):
    for number in (1, 2):
        write_atomically(tmp_path / f"{number}.gz", [b"rows\n"] * 9)
        write_atomically(tmp_path / f"{number}.zst", [b"rows\n"] * 9)
    assert (tmp_path / "1.gz").read_bytes() == (tmp_path / "2.gz").read_bytes()
    assert gzip.decompress((tmp_path / "1.gz").read_bytes()) == b"rows\n" * 9
    assert (tmp_path / "1.zst").read_bytes() == (tmp_path / "2.zst").read_bytes()
    assert zstandard.ZstdDecompressor().stream_reader((tmp_path / "1.zst").read_bytes()).read() == b"rows\n" * 9


def test_a_folder_and_a_missing_folder_are_explained(tmp_path):
    for path in (tmp_path, tmp_path / "no" / "file"):
        with pytest.raises(UsageError):
            write_atomically(path, [b""])
