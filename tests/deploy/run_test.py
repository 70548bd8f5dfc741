#!/usr/bin/env python3
"""deploy/run and tests/run, as a user meets them.

  tests/deploy/run_test.py BIN_DIR      the folder with keyd, proxy, poolctl and fake_gemini
"""

import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_SECONDS = 60
BIN = None


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Pool:
    """deploy/run with --bin, until the block ends."""

    def __init__(self, *arguments, **settings):
        self.port = free_port()
        environment = {'PATH': os.environ['PATH'], 'HOME': '/nonexistent', 'PORT': str(self.port), **settings}
        self.process = subprocess.Popen([ROOT / 'deploy/run', '--bin', BIN, *arguments], env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.text = ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
        self.rest()

    def read_until(self, words):
        """What was printed up to the first line with these words."""
        end = time.monotonic() + READY_SECONDS
        while words not in self.text:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f'"{words}" did not come within {READY_SECONDS} s: {self.text}')
            block = os.read(self.process.stdout.fileno(), 65536)
            if not block:
                raise AssertionError(f'"{words}" did not come: {self.text}')
            self.text += block.decode()
        return self.text

    def rest(self):
        """Waits for the end; (exit code, everything that was printed)."""
        out, _ = self.process.communicate(timeout=READY_SECONDS)
        self.text += out.decode()
        return self.process.returncode, self.text

    def children(self):
        """The ids of the programs, by name."""
        found = {}
        for status in pathlib.Path('/proc').glob('[0-9]*/stat'):
            try:
                name, rest = re.fullmatch(r'\d+ \((.*)\) (.*)', status.read_text(), re.DOTALL).groups()
            except (OSError, AttributeError):
                continue
            if int(rest.split()[1]) == self.process.pid:
                found[name] = int(status.parent.name)
        return found


def commands_in(text):
    """The command lines that were printed to be copied."""
    lines = text.replace('\\\n', ' ').splitlines()
    return [line.strip() for line in lines if line.startswith('  ')]


def shell(command):
    return subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def type_secret(command, typed):
    """Runs the command on a terminal of its own and answers its question; the exit code. Fails when it shows the answer."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv('/bin/sh', ['sh', '-c', 'exec ' + command])
    shown = b''
    while b'not shown' not in shown:
        shown += os.read(terminal, 1024)
    # Typed ahead would be shown by the terminal itself: wait until poolctl has switched that off.
    end = time.monotonic() + READY_SECONDS
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < end:
        time.sleep(0.01)
    os.write(terminal, typed)
    try:
        while block := os.read(terminal, 1024):
            shown += block
    except OSError:  # the end of a terminal
        pass
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if typed.strip() in shown:
        raise AssertionError('the secret was shown')
    return code


class Demo(unittest.TestCase):
    def test_first_request_is_answered_and_ctrl_c_stops_everything(self):
        with Pool('--demo') as pool:
            text = pool.read_until('Ctrl-C stops it.')
            self.assertIn(f'http://127.0.0.1:{pool.port}', text)
            commands = commands_in(text)
            answer = shell(next(c for c in commands if c.startswith('curl')))
            self.assertIn('candidates', json.loads(answer.stdout), answer)
            status = shell(next(c for c in commands if c.endswith(' status')))
            self.assertEqual(status.returncode, 0, status.stderr)
            self.assertIn('3 keys in 2 projects', status.stdout)
            self.assertRegex(status.stdout, r'gemini-2\.5-flash +1/10 +1/250')
            children = pool.children()
            os.kill(pool.process.pid, signal.SIGINT)
            code, text = pool.rest()
        self.assertEqual(code, 0, text)
        for name, pid in children.items():
            self.assertFalse(pathlib.Path(f'/proc/{pid}').exists(), f'{name} is left behind')
        self.assertEqual([p for p in re.findall(r'/\S*keypool-demo\.\w+', text) if os.path.exists(p)], [])

    def test_what_is_set_for_the_own_pool_does_not_reach_the_demo(self):
        with Pool('--demo', GEMINI_API_KEYS='AIzaSyMine-never-to-be-used-in-the-demo', DATA_DIR='/nonexistent',
                  GEMINI_BASE_URL='http://127.0.0.1:1') as pool:
            text = pool.read_until('Ctrl-C stops it.')
            status = shell(next(c for c in commands_in(text) if c.endswith(' status')))
            self.assertIn('3 keys in 2 projects', status.stdout)


class OwnPool(unittest.TestCase):
    def test_empty_pool_starts_says_what_to_do_and_takes_a_key(self):
        with tempfile.TemporaryDirectory() as folder, Pool(DATA_DIR=folder + '/state') as pool:
            text = pool.read_until('Ctrl-C stops it.')
            self.assertIn('The pool has no key yet', text)
            add = next(c for c in commands_in(text) if ' add ' in c)
            added = subprocess.run(add, shell=True, cwd=ROOT, input='AIzaSyTest-a-key-of-a-test\n', text=True,
                                   capture_output=True, check=False, timeout=60)
            self.assertEqual((added.returncode, added.stderr), (0, ''))
            self.assertEqual(type_secret(add, b'AIzaSyTest-one-that-is-typed\r'), 0)
            status = shell(next(c for c in commands_in(text) if c.endswith(' status')))
            self.assertIn('AIza\u2026yped', status.stdout)
            self.assertEqual(os.stat(folder + '/state').st_mode & 0o777, 0o700)
            pool.process.terminate()
            code, text = pool.rest()
            self.assertEqual(code, 0, text)

    def test_program_that_dies_stops_the_other_and_fails(self):
        for name in ('proxy', 'keyd'):
            with tempfile.TemporaryDirectory() as folder, Pool(DATA_DIR=folder) as pool:
                pool.read_until('Ctrl-C stops it.')
                children = pool.children()
                os.kill(children[name], signal.SIGKILL)
                code, text = pool.rest()
                self.assertEqual(code, 1, text)
                self.assertIn(f'{name} ended by itself', text)
                for other, pid in children.items():
                    self.assertFalse(pathlib.Path(f'/proc/{pid}').exists(), f'{other} is left behind')

    def test_wrong_settings_are_told_and_nothing_is_started(self):
        with tempfile.TemporaryDirectory() as folder, \
                Pool(DATA_DIR=folder, MAX_RETRIES='many', DEFAULT_RPM_LIMIT='-1') as pool:
            code, text = pool.rest()
            self.assertEqual(code, 1)
            self.assertIn('MAX_RETRIES', text)
            self.assertIn('DEFAULT_RPM_LIMIT', text)
            self.assertEqual(os.listdir(folder), [])

    def test_port_in_use_is_told(self):
        with socket.socket() as taken, tempfile.TemporaryDirectory() as folder:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            with Pool(DATA_DIR=folder, PORT=str(taken.getsockname()[1])) as pool:
                code, text = pool.rest()
        self.assertEqual(code, 1, text)


class Help(unittest.TestCase):
    def test_both_commands_explain_themselves(self):
        for command, word in (('deploy/run', '--demo'), ('tests/run', '--quick'), ('deploy/install-packages', 'GROUP')):
            result = subprocess.run([ROOT / command, '--help'], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual((result.returncode, result.stderr), (0, ''), command)
            self.assertIn(word, result.stdout)

    def test_unknown_argument_is_wrong_usage(self):
        for command in ('deploy/run', 'tests/run'):
            result = subprocess.run([ROOT / command, '--fast'], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(result.returncode, 2, command)
            self.assertIn('--help', result.stderr)

    def test_packages_are_of_known_groups(self):
        text = (ROOT / 'deploy/packages.txt').read_text()
        lines = [line.split() for line in text.splitlines() if line and not line.startswith('#')]
        self.assertTrue(lines)
        for line in lines:
            self.assertIn(line[0], ('runtime', 'build', 'test', 'check', 'bench'))
            self.assertIn(len(line), (2, 3), line)


if __name__ == '__main__':
    BIN = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
