#!/usr/bin/env python3
"""Compiles every header by itself, without a precompiled header, so that each includes what it uses.

  tests/lint/headers_alone.py BUILD_DIR     a configured and built preset; its compile commands are used
"""

import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys

import lint

DROPPED_WITH_VALUE = {'-o', '-MF', '-MT', '-MQ', '-include'}
DROPPED = {'-c', '-MD', '-MMD', '-Winvalid-pch', '-fpch-preprocess'}


def flags_of(command):
    """The compiler with its flags, without input, output and precompiled header."""
    words = shlex.split(command)
    kept, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word in DROPPED_WITH_VALUE:
            skip = True
        elif word not in DROPPED and not word.endswith('.cc') and not word.startswith('-fsanitize'):
            kept.append(word)
    return kept


def flags_by_folder(build):
    """For each folder that has source files, the flags of the one with the most: a folder may have several targets."""
    flags = {}
    for entry in json.loads((build / 'compile_commands.json').read_text()):
        file = pathlib.Path(entry['file'])
        if lint.ROOT in file.parents and build not in file.parents:
            folder = str(file.parent.relative_to(lint.ROOT))
            flags[folder] = max(flags.get(folder, []), flags_of(entry['command']), key=len)
    return flags


def nearest(flags, folder):
    """The flags of this folder, or of the next one above it that has some."""
    parts = folder.split('/')
    for size in range(len(parts), 0, -1):
        if (found := flags.get('/'.join(parts[:size]))) is not None:
            return found
    return None


def compile_header(header, flags, build):
    out = build / 'headers_alone'
    out.mkdir(exist_ok=True)
    source = out / (header.replace('/', '__') + '.cc')
    text = f'#include "{header}"\n'
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    # An object file, not -fsyntax-only: ccache keeps those, and most runs then compile nothing.
    result = subprocess.run([*flags, '-O0', '-g0', '-c', str(source), '-o', str(source.with_suffix('.o'))],
                            cwd=build, check=False, capture_output=True, text=True)
    return header, result.returncode, result.stderr


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    flags = flags_by_folder(build)
    jobs = []
    for header in lint.source_files():
        if header.endswith('.h'):
            found = nearest(flags, os.path.dirname(header))
            if found is not None:  # a folder without any source is not built in this preset
                jobs.append((header, found))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda job: compile_header(*job, build), jobs))
    failed = [(header, text) for header, code, text in results if code != 0]
    for header, text in failed:
        print(f'{header}:1: does not compile alone:\n{text}')
    print(f'{len(jobs)} headers, {len(failed)} that do not compile alone')
    return 1 if failed or not jobs else 0


if __name__ == '__main__':
    sys.exit(main())
