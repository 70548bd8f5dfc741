#!/usr/bin/env python3
"""The two READMEs say the same, and say what the programs say: settings and defaults, pages, commands, links.

usage: readme_test.py --bin build/release/bin
"""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
READMES = ["README.md", "README.zh-CN.md"]
PROGRAMS = ["keyd", "proxy", "poolctl"]
ROW = re.compile(r"^\| `([A-Z_]+)` \|([^|]*)\|([^|]*)\|", re.MULTILINE)
HOME = "/home/reader"
BIN = None


def settings_of(program):
    """Name → default of every setting, as the program prints them."""
    printed = subprocess.run([BIN / program, "--print-config"], env={"HOME": HOME}, stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    found = {}
    for line in printed.splitlines():
        secret = re.match(r"# (\w+) is not set$", line)
        plain = re.match(r"(\w+) = \"?([^\"]*)\"?$", line)
        if secret or plain:
            found[(secret or plain)[1].upper()] = "" if secret else plain[2].replace(HOME, "~")
    return found


def table_of(readme):
    """Name → (programs, default) of the settings table."""
    text = (ROOT / readme).read_text()
    rows = {}
    for name, programs, default in ROW.findall(text):
        everywhere = programs.strip() in ("all", "全部")
        rows[name] = (PROGRAMS if everywhere else re.findall(r"\w+", programs), default.strip().strip("`"))
    return rows


class Readme(unittest.TestCase):
    def test_settings_are_those_of_the_programs(self):
        truth = {program: settings_of(program) for program in PROGRAMS}
        for readme in READMES:
            table = table_of(readme)
            for program in PROGRAMS:
                mine = {name: default for name, (programs, default) in table.items() if program in programs}
                self.assertEqual(mine, truth[program], f"{readme}: {program}")

    def test_integration_tests_are_all_in_their_table(self):
        folder = ROOT / "tests" / "integration"
        rows = re.findall(r"^\| `(\w+_test)` \|", (folder / "README.md").read_text(), re.MULTILINE)
        self.assertEqual(sorted(rows), sorted(path.stem for path in folder.glob("*_test.cc")))

    def test_both_show_the_same_commands_pages_and_code(self):
        def code(readme):
            text = (ROOT / readme).read_text()
            text = text[:text.index("```\nGemini")] + text[text.index("keyd.db (SQLite)\n```"):]
            spans = re.findall(r"`([^`\n]+)`", text)
            fenced = [line.split("#")[0].strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
                      for line in block.splitlines()]
            return sorted(set(spans)), fenced
        english, chinese = (code(readme) for readme in READMES)
        self.assertEqual(english, chinese)

    def test_the_table_of_rivals_is_what_the_command_prints(self):
        def numbers(text):
            return re.findall(r"\| ([\d.]+ % \| [\d.]+ \| [\d.]+ s \| [\d.]+ s) \|", text)
        printed = numbers(subprocess.run([BIN / "rivals"], stdout=subprocess.PIPE, text=True, check=True).stdout)
        self.assertEqual(len(printed), 6)
        for readme in READMES:
            self.assertEqual(numbers((ROOT / readme).read_text()), printed, readme)

    def test_the_samples_of_limits_are_accepted(self):
        for sample in (ROOT / "deploy" / "limits").glob("*.toml"):
            done = subprocess.run([BIN / "keyd", "--check-config"], env={"HOME": HOME, "LIMITS_FILE": str(sample)},
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(done.returncode, 0, f"{sample}: {done.stdout}")

    def test_the_files_named_are_there(self):
        for readme in READMES:
            for path in re.findall(r"(?:deploy|tests|proto|keyd)/[\w./-]*\w", (ROOT / readme).read_text()):
                self.assertTrue((ROOT / path).exists(), f"{readme}: {path}")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[sys.argv.index("--bin") + 1]).resolve()
    unittest.main(argv=sys.argv[:1])
