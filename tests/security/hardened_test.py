#!/usr/bin/env python3
"""The programs are built so that a mistake with memory ends them: what readelf sees of it.

usage: hardened_test.py FOLDER-OF-PROGRAMS
"""

import platform
import re
import subprocess
import sys
import unittest
from pathlib import Path

PROGRAMS = ("keyd", "proxy", "poolctl")
folder = Path()


def readelf(program: str, *what: str) -> str:
    command = ["readelf", "--wide", *what, str(folder / program)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main_of(program: str) -> str:
    command = ["objdump", "--disassemble=main", str(folder / program)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Hardened(unittest.TestCase):
    def test_is_position_independent(self):
        for program in PROGRAMS:
            self.assertRegex(readelf(program, "--file-header"), r"Type:\s+DYN", program)
            self.assertRegex(readelf(program, "--dynamic"), r"FLAGS_1.*\bPIE\b", program)

    def test_relocations_are_read_only_before_main(self):
        for program in PROGRAMS:
            self.assertIn("GNU_RELRO", readelf(program, "--program-headers"), program)
            self.assertIn("BIND_NOW", readelf(program, "--dynamic"), program)

    def test_nothing_is_writable_and_executable(self):
        for program in PROGRAMS:
            headers = readelf(program, "--program-headers")
            self.assertRegex(headers, r"GNU_STACK.* RW ", program)
            self.assertNotRegex(headers, r" RWE ", program)

    def test_stacks_and_buffers_are_guarded(self):
        for program in PROGRAMS:
            symbols = readelf(program, "--dyn-syms")
            self.assertIn("__stack_chk_fail", symbols, program)
            self.assertRegex(symbols, r"__(mem|str|v?snprintf|read|fd)\w*_chk", program)

    @unittest.skipUnless(platform.machine() == "x86_64", "a guard of x86-64")
    def test_control_flow_is_guarded(self):
        for program in PROGRAMS:
            self.assertIn("SHSTK", readelf(program, "--notes"), program)
            first = re.search(r"<main>:\n\s*[0-9a-f]+:.*", main_of(program))
            self.assertIsNotNone(first, program)
            self.assertIn("endbr64", first[0], program)


if __name__ == "__main__":
    folder = Path(sys.argv.pop(1))
    unittest.main()
