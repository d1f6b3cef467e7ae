#!/usr/bin/env python3
"""Checks documents: every link leads to a file and heading that exist, the errors of proxy/README.md
are those of base/error_table.cc, each with its status, and each line of the threat model names tests
that are there."""
import importlib.util
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = "proxy/base/error_table.cc"
PAGE = "proxy/README.md"
THREATS = "proxy/policy/README.md"
BYPASS = "tests/bypass/run.py"
RESET = "reset"  # what the page writes for status 0


def documents():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, text=True,
                           capture_output=True, check=True).stdout.split("\n")
    return [name for name in names if name and (ROOT / name).is_file()]


def without_code(text):
    """Blanked, so that line numbers stay: links in fences and code spans are examples."""
    text = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S | re.M)
    return re.sub(r"`[^`\n]*`", lambda m: "`" + "x" * (len(m.group()) - 2) + "`", text)


def anchors(path):
    """As GitHub makes them from headings."""
    found = set()
    fenced = False
    for line in path.read_text().split("\n"):
        if line.startswith("```"):
            fenced = not fenced
        heading = re.match(r"#+ +(.*)", line)
        if heading and not fenced:
            text = re.sub(r"\]\([^)]*\)", "", heading.group(1)).lower()
            found.add(re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-"))
    return found


def check_links(names):
    problems = []
    for name in names:
        page = ROOT / name
        for number, line in enumerate(without_code(page.read_text()).split("\n"), 1):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:", target):
                    continue
                file, _, anchor = target.partition("#")
                path = page.parent / file if file else page
                if not path.exists():
                    problems.append(f"{name}:{number}: {target} does not exist")
                elif ROOT not in [path.resolve(), *path.resolve().parents]:
                    problems.append(f"{name}:{number}: {target} is outside the repository")
                elif anchor and path.suffix == ".md" and anchor not in anchors(path):
                    problems.append(f"{name}:{number}: {file or name} has no heading #{anchor}")
    return problems


def check_errors():
    statuses = dict(re.findall(r'^  \{C::\w+, "(\w+)", (\d+),', (ROOT / TABLE).read_text(), re.M))
    statuses.pop("none", None)
    said = {}
    problems = []
    text = (ROOT / PAGE).read_text()
    for number, line in enumerate(text.split("\n"), 1):
        row = re.match(r"\| (`\w+`(?: `\w+`)*) \| (\d+|reset) \|", line)
        for code in re.findall(r"`(\w+)`", row.group(1)) if row else []:
            said[code] = "0" if row.group(2) == RESET else row.group(2)
            if code not in statuses:
                problems.append(f"{PAGE}:{number}: {TABLE} has no error {code}")
            elif statuses[code] != said[code]:
                problems.append(f"{PAGE}:{number}: {code} is {statuses[code]} in {TABLE}")
    problems += [f"{PAGE}: says nothing about the error {code}" for code in statuses
                 if code not in said and f"`{code}`" not in text]
    if not statuses:
        problems.append(f"{TABLE}: no rows found; has its layout changed?")
    return problems


def bypass_rows():
    """The texts "family: row" of the bypass table: many a name is made, so that reading is not enough."""
    spec = importlib.util.spec_from_file_location("bypass_run", ROOT / BYPASS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {f"{family}: {row.name}" for family, row in module.table()}


def has_test(path, name):
    """Whether the file has a test of this name; names of parts and of suites are no names."""
    text = path.read_text()
    word = re.escape(name)
    if path.suffix == ".py":
        return re.search(rf"^def test_{word}\(", text, re.M) is not None
    return re.search(rf"^TEST(_[FP])?\(\s*\w+,\s*{word}\s*\)", text, re.M) is not None


def check_threats():
    """Each line of its tables names at least one test, and each test that it names is there."""
    problems = []
    rows = bypass_rows()
    page = ROOT / THREATS
    in_table = False
    for number, line in enumerate(page.read_text().split("\n"), 1):
        in_table = line.startswith("|") and (in_table or line.endswith("| shown by |"))
        if not in_table or re.match(r"\|[-|]+$", line) or line.endswith("| shown by |"):
            continue
        shown = re.findall(r"\[([^\]]+)\]\(([^)]*)\)", line.rsplit("|", 2)[1])
        tests = [(name, page.parent / file) for name, file in shown if "/tests/" in file]
        if not tests:
            problems.append(f"{THREATS}:{number}: names no test")
        for name, path in tests:
            if not path.is_file() or name == path.name:
                continue  # the one is told by check_links(), the other is a whole file
            is_there = name in rows if path.name.startswith("attempts_") else has_test(path, name)
            if not is_there:
                problems.append(f"{THREATS}:{number}: {path.name} has no test {name}")
    if not rows or "| shown by |" not in page.read_text():
        problems.append(f"{THREATS}: no lines found; has its layout changed?")
    return problems


def check():
    return check_links(documents()) + check_errors() + check_threats()


def main():
    problems = check()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
