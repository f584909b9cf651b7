"""`make bundle`: everything that a rack without internet needs, in one folder that a vendor carries in.

    var/bundle/apt/        a `file:` repository: every package of ansible/packages.txt with what it depends on
    var/bundle/wheels/     the appliance and its dependencies, for the nodes' Python; their hashes
    var/bundle/VERSION     the appliance's version, which names its folder on nodes
    var/bundle/SHA256SUMS  every file of the above

Owns the folder, and where things come from: packages from the mirrors of this machine's apt with Debian's
signatures checked, only the suite is the nodes'; wheels by requirements/runtime.txt, whose hashes pip checks.
Refuses mirrors or registries of its own, and to run half: the folder is complete or keeps what it was. What
is there already is not fetched again. Fails with one sentence that says what is missing and what to do.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = Path(__file__).with_name("packages.txt")
RELEASE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PYTHON = "3.13"
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
BUILT_HERE = ("dkimpy", "pyspf")  # no wheels of them exist; both are pure Python


class BundleRefused(Exception):
    """Something that the bundle is made of cannot be had; the message says what to do."""


def names(text: str) -> list[str]:
    """The packages of packages.txt."""
    return [line.partition(":")[0] for line in text.splitlines() if line and not line.startswith("#")]


# --- Debian packages


def sources(targets: str, release: str) -> str:
    """A deb822 file for `release`, from the lines "uri suite component" of this machine's own targets."""
    own = {tuple(line.split()) for line in targets.splitlines() if len(line.split()) == 3}
    codename = _os_release()
    stanzas = [
        f"Types: deb\nURIs: {uri}\nSuites: {suite.replace(codename, release)}\n"
        f"Components: {component}\nSigned-By: {KEYRING}\n"
        for uri, suite, component in sorted(own)
        if re.fullmatch(rf"{codename}(-updates|-security)?", suite) and component == "main"
    ]
    if not stanzas:
        raise BundleRefused(
            f"apt on this machine has no mirror of Debian {codename}: the bundle takes its own from there. "
            "Write one into /etc/apt/sources.list.d, then apt-get update"
        )
    return "\n".join(stanzas)


def _os_release() -> str:
    fields = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line
    )
    if fields.get("ID") != "debian":
        raise BundleRefused("the bundle is made on Debian: it uses that machine's apt and mirrors")
    return fields["VERSION_CODENAME"].strip('"')


class Apt:
    """apt for another release, with a state of its own; the machine's own lists stay as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for each in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "log"):
            (folder / each).mkdir(parents=True, exist_ok=True)
        (folder / "status").touch()
        self.sources = folder / "etc" / "debian.sources"
        targets = _output("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                          "Created-By: Packages")  # fmt: skip
        self.sources.write_text(sources(targets, RELEASE))
        self._options = [
            "-o", f"Dir::State={folder}/state", "-o", f"Dir::State::status={folder}/status",
            "-o", f"Dir::Cache={folder}/cache", "-o", f"Dir::Etc::SourceList={self.sources}",
            "-o", "Dir::Etc::SourceParts=/dev/null",
            "-o", f"Dir::Etc::PreferencesParts={folder}/etc/preferences.d",
            "-o", f"Dir::Log={folder}/log", "-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64",
            "-o", "APT::Sandbox::User=root", "-o", "Acquire::ForceHash=SHA256",
            "-o", "Acquire::Languages=none", "-q",
        ]  # fmt: skip

    def update(self) -> None:
        self._get(
            "update", "-o", "APT::Update::Error-Mode=any", "-o", "APT::Update::Post-Invoke-Success::=true"
        )

    def fetch(self, wanted: Iterable[str]) -> dict[str, str]:
        """Downloads `wanted` and all that they need onto nothing. File names with their SHA-256."""
        install = ["install", "--no-install-recommends", "--yes", "?essential", *wanted]
        empty = self._folder / "nothing"
        (empty / "partial").mkdir(parents=True, exist_ok=True)
        uris = self._get(*install, "--print-uris", "-o", f"Dir::Cache::archives={empty}")
        self._get(*install, "--download-only")
        found = dict(re.findall(r"^'[^']+' (\S+\.deb) \d+ SHA256:([0-9a-f]{64})$", uris, re.MULTILINE))
        if not found:
            raise BundleRefused("apt named no package to fetch")
        return found

    @property
    def archives(self) -> Path:
        return self._folder / "cache" / "archives"

    def _get(self, *arguments: str) -> str:
        return _output("apt-get", *self._options, *arguments)


def packages(kept: Path, target: Path) -> None:
    """The repository in `target`; `kept` remembers downloads between runs."""
    apt = Apt(kept)
    apt.update()
    target.mkdir(parents=True)
    found = apt.fetch(names(PACKAGES.read_text()))
    for name, digest in found.items():
        package = apt.archives / name
        if hashlib.sha256(package.read_bytes()).hexdigest() != digest:
            package.unlink()
            raise BundleRefused(f"{name} on this machine is not what Debian signed; run make bundle again")
        os.link(package, target / name)
    for package in apt.archives.glob("*.deb"):  # what newer ones have replaced
        if package.name not in found:
            package.unlink()
    index(target)


def index(target: Path) -> None:
    """What apt reads of a folder of packages, and by which name it knows whose they are."""
    listed = _output("apt-ftparchive", "packages", ".", cwd=target)
    (target / "Packages").write_text(listed)
    (target / "Packages.gz").write_bytes(gzip.compress(listed.encode(), mtime=0))
    release = (
        "-o", f"APT::FTPArchive::Release::Codename={RELEASE}",
        "-o", "APT::FTPArchive::Release::Origin=Karamail bundle",
    )  # fmt: skip
    (target / "Release").write_text(_output("apt-ftparchive", *release, "release", ".", cwd=target))


# --- Python


def wheels(kept: Path, target: Path) -> str:
    """The wheelhouse in `target`; returns the appliance's version. `kept` remembers downloads."""
    lock = ROOT / "requirements" / "runtime.txt"
    (kept / "wheels").mkdir(parents=True, exist_ok=True)
    stamp = kept / "lock"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        shutil.rmtree(kept / "wheels")
        (kept / "wheels").mkdir()
        for_nodes, built = _split(lock.read_text())
        (kept / "for-nodes.txt").write_text(for_nodes)
        (kept / "built.txt").write_text(built)
        platforms = [word for platform in PLATFORMS for word in ("--platform", f"{platform}_x86_64")]
        _pip("download", "--only-binary", ":all:", "--require-hashes", "--no-deps",
             "--python-version", PYTHON, "--implementation", "cp", *platforms,
             "-d", kept / "wheels", "-r", kept / "for-nodes.txt")  # fmt: skip
        _pip("wheel", "--no-binary", ":all:", "--require-hashes", "--no-deps", "--no-build-isolation",
             "-w", kept / "wheels", "-r", kept / "built.txt")  # fmt: skip
        stamp.write_bytes(lock.read_bytes())
    target.mkdir(parents=True)
    for wheel in (kept / "wheels").glob("*.whl"):
        os.link(wheel, target / wheel.name)
    version = own_wheel(target)
    (target / "requirements.txt").write_text("".join(_pinned(sorted(target.glob("*.whl")))))
    return version


def _split(lock: str) -> tuple[str, str]:
    """The lock's entries that have wheels, and those that are built here."""
    entries = re.split(r"^(?=\S+==)", lock, flags=re.MULTILINE)[1:]
    built = [entry for entry in entries if entry.partition("==")[0] in BUILT_HERE]
    return "".join(entry for entry in entries if entry not in built), "".join(built)


def _pinned(found: Iterable[Path]) -> Iterator[str]:
    for wheel in found:
        name, version = wheel.name.split("-")[:2]
        yield f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def own_wheel(target: Path) -> str:
    """Builds the project itself. Its version ends with a digest of its files: other files, other version."""
    files = _output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                    "--", "appliance", "smtp", "web", "cli", "requirements/runtime.in",
                    "pyproject.toml", cwd=ROOT).split("\0")  # fmt: skip
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder:
        for name in sorted(filter(None, files)):
            if not (ROOT / name).exists():
                continue
            content = (ROOT / name).read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(content)
        project = Path(folder) / "pyproject.toml"
        text, changed = re.subn(
            r'^version = "(.+)"$',
            rf'version = "\1+{digest.hexdigest()[:12]}"',
            project.read_text(),
            flags=re.M,
        )
        if changed != 1:
            raise BundleRefused("pyproject.toml: expected one line with the version")
        project.write_text(text)
        _pip("wheel", "--no-deps", "--no-build-isolation", "-w", target, folder)
    (wheel,) = target.glob("karamail-*.whl")
    return wheel.name.split("-")[1]


# --- the folder


def build(bundle: Path, kept: Path) -> None:
    """Makes the bundle anew beside what it was, and exchanges the two at the end; the sums come last."""
    for program, package in (("apt-get", "apt"), ("apt-ftparchive", "apt-utils"), ("git", "git")):
        if shutil.which(program) is None:
            raise BundleRefused(f"{program} is missing: apt-get install {package}")
    fresh = bundle.with_name(bundle.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    packages(kept / "apt", fresh / "apt")
    version = wheels(kept / "wheels", fresh / "wheels")
    (fresh / "VERSION").write_text(version + "\n")
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(fresh)}\n"
        for path in sorted(fresh.rglob("*"))
        if path.is_file()
    ]
    (fresh / "SHA256SUMS").write_text("".join(sums))
    bundle.mkdir(exist_ok=True)  # the folder itself stays: it may be mounted somewhere
    for name in ("SHA256SUMS", "VERSION", "wheels", "apt"):
        old = bundle / name
        shutil.rmtree(old) if old.is_dir() else old.unlink(missing_ok=True)
    for name in ("apt", "wheels", "VERSION", "SHA256SUMS"):
        (fresh / name).rename(bundle / name)
    fresh.rmdir()
    size_mb = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) // 1_000_000
    print(f"bundle: {bundle}: Karamail {version}, {len(sums)} files, {size_mb:,} MB")


def _pip(*arguments: str | Path) -> None:
    _output(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *arguments)


def _output(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a command; its standard error is told when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BundleRefused(f"{Path(command[0]).name} failed:\n{(done.stderr or done.stdout)[-3000:]}")
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=ROOT / "var" / "bundle")
    parser.add_argument("--kept", type=Path, default=ROOT / "var" / "cache" / "bundle", help="downloads")
    given = parser.parse_args()
    try:
        build(given.into.resolve(), given.kept.resolve())
    except BundleRefused as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
