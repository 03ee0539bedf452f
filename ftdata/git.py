"""Read files of a commit out of git: by object id, never by a name that a shell or git could take for something else.

Only reading commands run, without a shell, hooks, filters or external diff programs.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ftdata.errors import ReadError, UsageError

# The first line of a pointer (git-lfs/docs/spec.md at github.com/git-lfs/git-lfs, read 2026-11-23); a pointer is below 1,024 bytes.
LFS_MARK = b"version https://git-lfs.github.com/spec/v1\n"
LFS_MOST = 1024
_BLOCK = 1 << 20
_HOPS = 8
_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_PAGER": "cat"}
# They would point git at another repository than the one the files lie in; git itself sets them for hooks.
_REDIRECTS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_EXTERNAL_DIFF", "GIT_LITERAL_PATHSPECS",
              "GIT_GLOB_PATHSPECS", "GIT_NOGLOB_PATHSPECS", "GIT_ICASE_PATHSPECS")  # fmt: skip
_SAFE = ("--literal-pathspecs", "--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.devnull)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a commit: its path from the root, its object id, and its mode ("100644", "120000" a link, "160000" a submodule)."""

    path: str
    blob: str
    mode: str


@dataclass(frozen=True, slots=True)
class Base:
    """The commit that a change is compared with. ``ref`` is as the user named it; ``note`` says what is odd about it."""

    ref: str
    commit: str
    note: str | None = None


class Repository:
    """One working tree. ``root`` is its folder, with symbolic links resolved."""

    def __init__(self, root: str) -> None:
        self.root = root

    def find_base(self, ref: str) -> Base:
        """Return where the current branch left ``ref``: their last common commit, or ``ref`` itself where none is known.

        Raises UsageError for a name that git does not know, with what to do in a shallow clone.
        """
        if not ref or ref.startswith("-") or "\0" in ref:
            raise UsageError(f"--since {ref!r}: no name of a commit, branch or tag", "For example --since origin/main.")
        found = self._run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        commit = found.stdout.decode("ascii", "replace").strip()
        if found.returncode or not _is_id(commit):
            raise UsageError(f"--since {ref}: git knows no such commit, branch or tag here", self._missing(ref))
        if not self.find_head():
            return Base(ref, commit, "the current branch has no commit yet")
        shared = self._run("merge-base", commit, "HEAD").stdout.decode("ascii", "replace").split()
        if shared and _is_id(shared[0]):
            return Base(ref, shared[0])
        if commit in self._parents("HEAD"):  # as in a checkout of a pull request's merge, with nothing else fetched
            return Base(ref, commit)
        why = "this clone is shallow" if self.is_shallow() else "they have no history in common"
        return Base(ref, commit, f"no common commit of {ref} and the current branch is known ({why}): compared with {ref} itself")

    def find_head(self) -> str:
        """The commit of the working tree; "" where there is none yet."""
        return self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout.decode("ascii", "replace").strip()

    def _parents(self, commit: str) -> list[str]:
        """The parents of a commit as it names them itself: where the clone is shallow, git shows none."""
        head, _, _ = self._run("cat-file", "commit", commit).stdout.partition(b"\n\n")
        return [line[7:].decode("ascii", "replace") for line in head.split(b"\n") if line.startswith(b"parent ")]

    def _missing(self, ref: str) -> str:
        if self.is_shallow():
            remote, _, branch = ref.partition("/")
            fetch = f"git fetch --depth=1 {remote} {branch}:refs/remotes/{ref}" if branch else f"git fetch --depth=1 origin {ref}"
            return f"This clone is shallow: run `{fetch}` first, or check out with fetch-depth: 0."
        return "Fetch it first, or look at `git branch --all`."

    def is_shallow(self) -> bool:
        """Whether the clone lacks older commits."""
        return self._run("rev-parse", "--is-shallow-repository").stdout.strip() == b"true"

    def list_files(self, commit: str, below: str = "") -> dict[str, Entry]:
        """The files of a commit by path, all of them or those below a folder. Raises ReadError where git cannot tell."""
        where = ["--", below] if below else []
        found = self._run("ls-tree", "-r", "-z", "--full-tree", commit, *where)
        if found.returncode:
            raise ReadError(f"git cannot list the files of {commit[:12]} ({_words(found.stderr)})", _HELP)
        entries: dict[str, Entry] = {}
        for record in found.stdout.split(b"\0"):
            head, tab, name = record.partition(b"\t")
            parts = head.split(b" ")
            if tab and len(parts) == 3:
                path = os.fsdecode(name)
                entries[path] = Entry(path, parts[2].decode("ascii", "replace"), parts[0].decode("ascii", "replace"))
        return entries

    def renames(self, commit: str) -> dict[str, str]:
        """New path to old path of the files that were renamed between a commit and the current one, as git sees it."""
        found = self._run("diff-tree", "-r", "-z", "-M", "--diff-filter=R", "--name-status", "--no-commit-id", commit, "HEAD")
        parts = found.stdout.split(b"\0") if not found.returncode else []
        renamed = {}
        for at in range(0, len(parts) - 2, 3):
            if parts[at].startswith(b"R"):
                renamed[os.fsdecode(parts[at + 2])] = os.fsdecode(parts[at + 1])
        return renamed

    def resolve(self, entry: Entry, files: Mapping[str, Entry]) -> Entry:
        """Follow symbolic links within the commit. Raises ReadError for one that leaves it, and for a submodule."""
        path = entry.path
        for _ in range(_HOPS):
            if entry.mode == "160000":
                raise ReadError("is in a submodule", "Run ftdata inside of the submodule.")
            if entry.mode != "120000":
                return Entry(path, entry.blob, entry.mode)
            with self.blobs() as blobs:
                target = os.fsdecode(b"".join(blobs.read(entry.blob))[: 1 << 12])
            place = os.path.normpath(os.path.join(os.path.dirname(entry.path), target))
            if target.startswith("/") or place not in files:
                raise ReadError(f"is a symbolic link to {target}, which the commit does not hold", "Name the file itself.")
            entry = files[place]
        raise ReadError("is a symbolic link to a symbolic link without end", "Name the file itself.")

    @contextmanager
    def blobs(self) -> Iterator[Blobs]:
        """Open the objects of the repository for reading."""
        with subprocess.Popen(
            ["git", "-C", self.root, *_SAFE, "cat-file", "--batch"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment(),
        ) as process:  # fmt: skip
            assert process.stdin is not None and process.stdout is not None
            try:
                yield Blobs(self, process.stdin, process.stdout)
            finally:
                process.kill()

    def write_file(self, entry: Entry, target: Path) -> int:
        """Write a file of a commit to ``target`` and return its size. A pointer of Git LFS is replaced by its content.

        Raises ReadError where the object, or the content of a pointer, is not on this machine.
        """
        size, start = 0, b""
        with self.blobs() as blobs, target.open("wb") as sink:
            for block in blobs.read(entry.blob):
                start = start or block[:LFS_MOST]
                size += len(block)
                sink.write(block)
        if size < LFS_MOST and start.startswith(LFS_MARK):
            return self._write_lfs(entry, start, target)
        return size

    def _write_lfs(self, entry: Entry, pointer: bytes, target: Path) -> int:
        fields = dict(line.partition(b" ")[::2] for line in pointer.splitlines())
        oid = fields.get(b"oid", b"").removeprefix(b"sha256:").decode("ascii", "replace")
        help = "Fetch it: `git lfs fetch origin COMMIT` with the commit that --since names."
        if not _is_id(oid) or len(oid) != 64:
            raise ReadError("is a damaged pointer of Git LFS", help)
        folder = self._run("rev-parse", "--git-path", "lfs/objects").stdout.removesuffix(b"\n")
        source = Path(self.root, os.fsdecode(folder), oid[:2], oid[2:4], oid)
        digest, size = hashlib.sha256(), 0
        try:
            with source.open("rb") as file, target.open("wb") as sink:
                while block := file.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
                    sink.write(block)
        except FileNotFoundError:
            raise ReadError("is kept in Git LFS, and its content at that commit is not on this machine", help) from None
        if digest.hexdigest() != oid:
            raise ReadError("is kept in Git LFS, and its content on this machine is damaged", help)
        return size

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return _git(self.root, arguments)


class Blobs:
    """The objects of a repository, read one after the other."""

    def __init__(self, repository: Repository, asked: IO[bytes], answers: IO[bytes]) -> None:
        self._repository, self._asked, self._answers = repository, asked, answers

    def read(self, blob: str) -> Iterator[bytes]:
        """Yield the content of an object in blocks. Raises ReadError where it is not in this clone."""
        if not _is_id(blob):
            raise ReadError("has no valid object id in git", _HELP)
        try:
            self._asked.write(blob.encode("ascii") + b"\n")
            self._asked.flush()
            head = self._answers.readline().split()
        except OSError:
            head = []
        if len(head) != 3 or head[1] != b"blob":
            raise ReadError("has no content in this clone", "A partial clone? Fetch the commit in full.")
        left = int(head[2])
        while left:
            block = self._answers.read(min(left, _BLOCK))
            if not block:
                raise ReadError("could not be read out of git to its end", _HELP)
            left -= len(block)
            yield block
        self._answers.read(1)


_HELP = "Is the clone whole? `git fsck` tells."


def find_repository(paths: Iterable[str]) -> Repository:
    """Return the repository that holds all of the paths. Raises UsageError where there is no git, none, or more than one."""
    found: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        real = os.path.realpath(path)
        folder = real if os.path.isdir(real) else os.path.dirname(real)
        if folder not in folders:
            answer = _git(folder, ("rev-parse", "--show-toplevel"))
            if answer.returncode or not answer.stdout:
                words = _words(answer.stderr)
                if "dubious ownership" in words:
                    raise UsageError(f"git refuses the repository of {path}: it belongs to somebody else",
                                     "git config --global --add safe.directory FOLDER, if you trust it.")  # fmt: skip
                raise UsageError(f"{path} is in no git repository: --since has nothing to compare with",
                                 "Leave --since out, or run in a checkout.")  # fmt: skip
            folders[folder] = os.path.realpath(os.fsdecode(answer.stdout.removesuffix(b"\n")))
        found.setdefault(folders[folder], path)
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise UsageError(f"{first} and {second} are in different git repositories", "Run once for each.")
    if not found:
        raise UsageError("--since needs files", "Name files or folders of a git repository.")
    return Repository(next(iter(found)))


def _git(folder: str, arguments: Iterable[str]) -> subprocess.CompletedProcess[bytes]:
    command = ["git", "-C", folder or os.curdir, *_SAFE, *arguments]
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=_environment(), check=False)
    except FileNotFoundError:
        raise UsageError("--since needs git, which is not installed here", "Install git, or leave --since out.") from None
    except OSError as error:
        raise UsageError(f"git cannot be run ({error.strerror})", "Leave --since out.") from None


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _REDIRECTS} | _QUIET


def _is_id(text: str) -> bool:
    return len(text) in (40, 64) and all(character in "0123456789abcdef" for character in text)


def _words(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())[:200] or "no reason given"
