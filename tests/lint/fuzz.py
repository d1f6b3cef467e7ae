"""Checks the fuzz targets: each has a dictionary that libFuzzer can read, and a corpus; and every test
that tests/fuzz/README.md names for a finding is there."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = "tests/fuzz"
# libFuzzer's ParseOneDictionaryEntry: an optional name, then a text in quotes with these escapes.
ENTRY = re.compile(r'(?:\w+=)?"(?:[^"\\\n]|\\\\|\\"|\\x[0-9A-Fa-f]{2})+"')


def check_dictionary(path):
    lines = path.read_text().split("\n")
    return [f"{path.relative_to(ROOT)}:{number}: libFuzzer reads no such entry"
            for number, line in enumerate(lines, 1)
            if line.strip() and not line.startswith("#") and not ENTRY.fullmatch(line.strip())]


def check_targets():
    problems = []
    names = {path.stem.removesuffix("_fuzz") for path in (ROOT / PLACE).glob("*_fuzz.cc")}
    for name in sorted(names):
        dictionary = ROOT / PLACE / "dict" / f"{name}.dict"
        if not dictionary.is_file():
            problems.append(f"{PLACE}/{name}_fuzz.cc: there is no dict/{name}.dict")
        else:
            problems += check_dictionary(dictionary)
        corpus = ROOT / PLACE / "corpus" / name
        if not corpus.is_dir() or not any(corpus.iterdir()):
            problems.append(f"{PLACE}/{name}_fuzz.cc: there is no corpus/{name}")
    for path in sorted((ROOT / PLACE / "dict").iterdir()):
        if path.stem not in names:
            problems.append(f"{PLACE}/dict/{path.name}: there is no such target")
    return problems


def check_findings():
    page = ROOT / PLACE / "README.md"
    problems = []
    named = re.findall(r"\[(\w+)\.(\w+)\]\(([^)]+)\)", page.read_text())
    for suite, test, file in named:
        path = page.parent / file
        source = path.read_text() if path.is_file() else ""
        if not re.search(rf"TEST(_F)?\({suite},\s+{test}\)", source):
            problems.append(f"{PLACE}/README.md: {file} has no test {suite}.{test}")
    return problems if named else [f"{PLACE}/README.md: names no test; has its layout changed?"]


def check():
    return check_targets() + check_findings()
