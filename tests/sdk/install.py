"""Installs the clients that are tested, each set in a folder of its own, when a version changes."""

import pathlib
import re
import shutil
import subprocess
import venv

HERE = pathlib.Path(__file__).resolve().parent
GO_MINOR = 24  # of go/go.mod


def _when_changed(folder, wanted, install):
    """Runs `install` unless it has put there what is wanted; the folder."""
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        install()
        stamp.write_text(wanted)
    return folder


def _copy(names, source, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes((source / name).read_bytes())


def _npm(source, folder, *flags):
    _copy(("package.json", "package-lock.json"), source, folder)
    _copy((".npmrc",), HERE, folder)
    return _when_changed(
        folder, (source / "package-lock.json").read_text(),
        lambda: subprocess.run(["npm", "ci", "--silent", "--no-progress", *flags], cwd=folder,
                               check=True))


def python(packages, requirements=HERE / "requirements.txt"):
    """An interpreter with the clients of PyPI that `requirements` names."""
    folder = packages / ("venv" if requirements.parent == HERE else f"venv_{requirements.parent.name}")
    interpreter = folder / "bin" / "python"

    def install():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([interpreter, "-m", "pip", "install", "--quiet",
                        "--disable-pip-version-check", "-r", requirements], check=True)

    _when_changed(folder, requirements.read_text(), install)
    return interpreter


def javascript(packages):
    """A folder with the clients of npm, and the programs that import them."""
    folder = _npm(HERE, packages / "node")
    _copy(("exhaustion.mjs",), HERE, folder)
    _copy([program.name for program in (HERE / "js").glob("*.mjs")], HERE / "js", folder)
    return folder


def gemini_cli(packages):
    """The command line of gemini-cli."""
    # Native add-ons for a terminal and a keyring; without one it does not ask for them.
    folder = _npm(HERE / "gemini_cli", packages / "gemini_cli", "--omit=optional")
    return ["node", folder / "node_modules" / "@google" / "gemini-cli" / "bundle" / "gemini.js"]


def java(packages):
    """The class path with Google's Java client and the programs here that use it."""
    folder = packages / "java"
    _copy(("pom.xml",), HERE / "java", folder)
    classes = folder / "classes"
    classes.mkdir(exist_ok=True)
    programs = sorted((HERE / "java").glob("*.java"))
    path = f"{folder / 'lib' / '*'}:{classes}"

    def install():
        done = subprocess.run(
            ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"mvn failed:\n{done.stdout}")

    _when_changed(folder, (folder / "pom.xml").read_text(), install)
    _when_changed(classes, "".join(source.read_text() for source in (folder / "pom.xml", *programs)),
                  lambda: subprocess.run(["javac", "-d", classes, "-cp", path, *programs], check=True))
    return path


def go(packages):
    """A program with Google's client for Go; None where there is no Go that can build it."""
    if shutil.which("go") is None:
        return None
    version = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout
    found = re.match(r"go1\.(\d+)", version)
    if found is None or int(found[1]) < GO_MINOR:
        return None
    program = packages / "go" / "clients"
    subprocess.run(["go", "build", "-mod=readonly", "-o", program, "."], cwd=HERE / "go", check=True)
    return program
