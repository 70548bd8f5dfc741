#!/usr/bin/env python3
"""Finds .value() on a StatusOr or an optional in the programs: it throws, and nothing of ours catches.

  tests/lint/checked_access.py BUILD_DIR    a built preset

The text cannot tell Id::value(), which is fine, from StatusOr::value(). The object files can: what throws when there
is no value is a symbol that nothing else needs.
"""

import pathlib
import re
import subprocess
import sys

import lint

THROWERS = {
    'ThrowBadStatusOrAccess': 'StatusOr: test ok(), then use * or ->',
    '_ZTISt19bad_optional_access': 'optional: test it, then use * or ->',
}
_VALUE = re.compile(r'\.value\(\)')


def source_of(build, obj):
    """"keyd/base/CMakeFiles/keypool_base.dir/log.cc.o" is of keyd/base/log.cc."""
    parts = [part for part in obj.relative_to(build).parts if part != 'CMakeFiles' and not part.endswith('.dir')]
    return '/'.join(parts).removesuffix('.o')


def lines_with_value(path):
    file = lint.ROOT / path
    lines = file.read_text().splitlines() if file.exists() else []
    return [number for number, text in enumerate(lines, 1) if _VALUE.search(text)] or [1]


def check(build):
    objects = [obj for room in ('keyd', 'proxy', 'cli') for obj in sorted((build / room).rglob('*.cc.o'))
               if 'pch' not in obj.relative_to(build).parts]
    for obj in objects:
        symbols = subprocess.run(['nm', str(obj)], check=True, capture_output=True, text=True).stdout
        for symbol, instead in THROWERS.items():
            if symbol in symbols:
                path = source_of(build, obj)
                numbers = ', '.join(str(n) for n in lines_with_value(path))
                yield f'{path}:{numbers}: .value() may throw on {instead}'
    if not objects:
        yield f'{build}: has no object files; build it first'


def main():
    violations = list(check(pathlib.Path(sys.argv[1]).resolve()))
    print('\n'.join([*violations, f'{len(violations)} violations']))
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main())
