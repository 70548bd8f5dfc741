#!/usr/bin/env python3
"""Checks the tree against its rules. Prints path:line: message for each violation; exit code 1 when there is one.

  tests/lint/lint.py            every rule that needs the text only
  tests/lint/lint.py --format   that clang-format would change nothing
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys

import includes
import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODE_FOLDERS = ('keyd', 'proxy', 'cli', 'tests')
SOURCE_ENDINGS = ('.h', '.cc', '.py', '.sh', '.mjs', '.proto', '.cmake', '.lua')
SOURCE_NAMES = ('CMakeLists.txt', 'run')
SKIPPED_FOLDERS = {'build', '.git', '.cache', 'node_modules', '__pycache__'}


def source_files():
    """Paths from the top of the tree, sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
        for name in names:
            if name.endswith(SOURCE_ENDINGS) or name in SOURCE_NAMES:
                found.append(str(pathlib.Path(folder, name).relative_to(ROOT)))
    return sorted(found)


def check_text(paths):
    texts = {path: (ROOT / path).read_text(encoding='utf-8') for path in paths}
    cpp = {path: text for path, text in texts.items()
           if path.endswith(('.h', '.cc')) and path.split('/')[0] in CODE_FOLDERS}
    for path, text in texts.items():
        for line, message in rules.check_file(path, text):
            yield path, line, message
        if path in cpp:
            for line, message in includes.check_file(path, text):
                yield path, line, message
    yield from includes.cycles(cpp)


def check_format(paths):
    cpp = [path for path in paths if path.endswith(('.h', '.cc'))]
    batches = [cpp[i:i + 20] for i in range(0, len(cpp), 20)]

    def run(batch):
        return subprocess.run(['clang-format', '--dry-run', '-Werror', *batch], cwd=ROOT, check=False,
                              capture_output=True, text=True).stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = {line.split(':')[0] for output in pool.map(run, batches)
                 for line in output.splitlines() if ': error: ' in line}
    for path in sorted(wrong):
        yield path, 1, f'is not formatted: clang-format -i {path}'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--format', action='store_true', help='check the format instead')
    arguments = parser.parse_args()
    paths = source_files()
    violations = list(check_format(paths) if arguments.format else check_text(paths))
    for path, line, message in violations:
        print(f'{path}:{line}: {message}')
    print(f'{len(paths)} files, {len(violations)} violation{"" if len(violations) == 1 else "s"}')
    return 1 if violations else 0


if __name__ == '__main__':
    sys.exit(main())
