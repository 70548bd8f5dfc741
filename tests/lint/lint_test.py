"""Every rule fires on what it forbids, and stays silent on what looks like it."""

import unittest

import checked_access
import headers_alone
import includes
import rules
from cpp_text import code_only, functions

POOL = 'keyd/policy/pool.cc'
PROXY = 'proxy/session.cc'
ENGINE = 'keyd/engine/engine.cc'
TEST = 'tests/unit/proxy/session_test.cc'


def hits(path, text):
    return [message for _, message in rules.check_file(path, text)]


class CodeOnly(unittest.TestCase):
    def test_comments_and_literals_are_blank_and_lines_stay(self):
        text = 'a; // rand(\n"rand(\\"" /* sleep(\n */ \'"\' R"x(time(0))x" b;\nc = 1\'000;'
        code = code_only(text)
        self.assertEqual(code.count('\n'), text.count('\n'))
        for word in ('rand', 'sleep', 'time'):
            self.assertNotIn(word, code)
        self.assertIn('b;', code)
        self.assertIn("1'000", code)


class Bans(unittest.TestCase):
    def assert_fires(self, path, line, instead):
        found = hits(path, line)
        self.assertTrue(any(instead in message for message in found), f'{path}: {line}: {found}')

    def test_each_banned_call_names_its_replacement(self):
        for path, line, instead in [
                (ENGINE, 'auto t = absl::Now();', 'Clock'),
                (PROXY, 'auto t = std::chrono::steady_clock::now();', 'Clock'),
                (PROXY, 'auto t = Clock_t::system_clock::now();', 'Clock'),
                (PROXY, 'clock_gettime(CLOCK_REALTIME, &t);', 'Clock'),
                (PROXY, 'auto t = time(nullptr);', 'Clock'),
                (TEST, 'auto t = std::time(0);', 'Clock'),
                (TEST, 'std::this_thread::sleep_for(1s);', 'deadline'),
                (PROXY, 'usleep(100);', 'deadline'),
                (PROXY, '::sleep(1);', 'deadline'),
                (PROXY, 'absl::SleepFor(d);', 'deadline'),
                (PROXY, 'int x = rand();', 'BitGenRef'),
                (PROXY, 'int x = std::rand();', 'BitGenRef'),
                (PROXY, 'std::cerr << 1;', 'keypool::log'),
                (PROXY, 'std::fprintf(stderr, "x");', 'keypool::log'),
                ('cli/commands.cc', 'std::cout << 1;', 'console.h'),
                (PROXY, 'Use(secret.Reveal());', 'REVEAL_ALLOWED'),
                (ENGINE, 'absl::Mutex m;', 'keypool::Mutex'),
                (TEST, 'absl::MutexLock lock(&m);', 'keypool::Mutex'),
                (ENGINE, 'std::mutex m;', 'keypool::Mutex'),
                (POOL, 'auto now = SystemClock().Read();', 'argument'),
                (TEST, 'GTEST_SKIP() << "later";', 'proves nothing'),
                (TEST, 'TEST(A, DISABLED_B) {}', 'proves nothing')]:
            self.assert_fires(path, line, instead)

    def test_what_only_looks_like_one_is_let_through(self):
        for path, line in [
                ('keyd/base/clock.cc', 'return absl::Now();'),
                (PROXY, '// absl::Now() is banned'),
                (PROXY, 'Log("rand() sleep(1) time(nullptr)");'),
                (PROXY, 'runtime(nullptr); x.time(0); Foo::time(0); sleepy(1); operand(2); strand(x);'),
                (PROXY, 'std::snprintf(text, 1, "x");'),
                (PROXY, 'asio::strand(x);'),
                ('proxy/main.cc', 'std::cerr << 1;'),
                ('keyd/store/codec.cc', 'Use(secret.Reveal());'),
                (TEST, 'EXPECT_EQ(secret.Reveal(), "x"); std::mutex m;'),
                ('keyd/base/mutex.h', '#pragma once\nstd::mutex m;\n')]:
            self.assertEqual(hits(path, line), [], line)


class CoAwait(unittest.TestCase):
    def test_capturing_lambda_inside_fires(self):
        for line in ['co_await Run(ex, [v = std::move(v)]() mutable { return v; });',
                     'auto x = co_await Run(\n    ex,\n    [&] { Go(); });',
                     'co_await Run(Wrap([this](int) {}));']:
            self.assertTrue(hits(PROXY, f'Task F() {{ {line} }}'), line)

    def test_named_lambda_and_other_brackets_do_not(self):
        for line in ['auto f = [v] { return v; }; co_await Run(ex, f);',
                     'co_await Run(a[i], b()[j], [](int x) { return x; });',
                     'co_await Run(x); Later([y] { Use(y); });']:
            self.assertEqual(hits(PROXY, f'Task F() {{ {line} }}'), [], line)


class Shape(unittest.TestCase):
    def body(self, lines):
        return 'x();\n' * lines

    def test_long_function_fires_wherever_it_is(self):
        long = self.body(70)
        for text in [f'namespace a {{\nint F(int x) {{\n{long}}}\n}}',
                     f'class A {{\n public:\n  A() : a_{{1}}, b_(2) {{\n{long}}}\n}};',
                     f'template <class T>\nvoid A<T>::F() const noexcept {{\n{long}}}',
                     f'TEST(A, B) {{\n{long}}}',
                     f'struct A {{\n  bool operator()(int x) const {{\n{long}}}\n}};']:
            self.assertTrue(any('lines, over 70' in m for m in hits(PROXY, text)), text[:60])

    def test_many_short_functions_do_not(self):
        one = 'int F() {\n' + self.body(60) + '}\n'
        self.assertEqual(hits(PROXY, f'namespace a {{\nclass B {{\n{one * 3}}};\n}}\n'), [])

    def test_functions_are_found_with_their_lines(self):
        text = ('int a = 1;\nconstexpr X kX[] = {{1, 2}, {3, 4}};\n#define M(x) \\\n  do { x(); } while (0)\n'
                'namespace n {\nint F(int x = G()) {\n  if (x) { y(); }\n}\nstruct S : B<int()> { int v{3}; void H() {} };\n}\n')
        self.assertEqual([(f.name, f.first_line, f.lines) for f in functions(code_only(text))],
                         [('F', 6, 3), ('H', 9, 1)])

    def test_long_file_fires(self):
        self.assertEqual(hits('tests/x.py', '\n' * 400), [])
        self.assertEqual(len(hits('tests/x.py', '\n' * 401)), 1)

    def test_header_without_pragma_once_fires(self):
        self.assertEqual(hits('proxy/a.h', '// What it is.\n#pragma once\n'), [])
        self.assertTrue(hits('proxy/a.h', '// What it is.\n#ifndef A_H\n'))

    def test_work_left_open_fires_in_comments_too(self):
        for word in ('TO' 'DO', 'FIX' 'ME', 'X' 'XX'):
            self.assertTrue(hits(PROXY, f'// {word}: later\n'))
            self.assertTrue(hits('tests/run', f'# {word}\n'))
        self.assertEqual(hits(PROXY, '// mktemp keypool.' + 'X' * 6 + '\n'), [])


class Includes(unittest.TestCase):
    def messages(self, path, *names):
        text = ''.join(f'#include {name}\n' for name in names)
        return [message for _, message in includes.check_file(path, text)]

    def test_edge_against_the_order_of_rooms_fires(self):
        for path, name in [('keyd/base/a.h', '"keyd/policy/pool.h"'), (POOL, '"keyd/store/store.h"'),
                           ('keyd/store/a.cc', '"keyd/engine/engine.h"'), (ENGINE, '"keyd/rpc/auth.h"'),
                           ('keyd/leader/a.h', '"keyd/engine/engine.h"'), ('keyd/wire/a.cc', '"keyd/policy/pool.h"'),
                           ('keyd/client/a.cc', '"keyd/engine/engine.h"'), (PROXY, '"keyd/wire/text.h"'),
                           (PROXY, '"keypool/v1/lease.pb.h"'), ('cli/a.cc', '"proxy/session.h"'),
                           (PROXY, '"cli/a.h"'), ('keyd/main.cc', '"keyd/client/admin_client.h"'),
                           ('keyd/base/a.cc', '"tests/fakes/clock.h"')]:
            self.assertTrue(self.messages(path, name), f'{path} {name}')

    def test_allowed_edges_do_not(self):
        for path, name in [(POOL, '"keyd/base/ids.h"'), (ENGINE, '"keyd/leader/leadership.h"'),
                           (ENGINE, '"keyd/store/store.h"'), ('keyd/rpc/a.cc', '"keyd/wire/text.h"'),
                           ('keyd/rpc/a.cc', '<grpcpp/grpcpp.h>'), ('keyd/wire/a.cc', '"keypool/v1/lease.pb.h"'),
                           (PROXY, '"keyd/client/lease_session.h"'), ('cli/a.cc', '"keyd/base/settings.h"'),
                           (TEST, '"proxy/session.h"'), ('keyd/main.cc', '"keyd/rpc/auth.h"'),
                           ('keyd/base/settings.cc', '"keyd/base/settings_parts.h"')]:
            self.assertEqual(self.messages(path, name), [], f'{path} {name}')

    def test_library_outside_of_its_room_fires(self):
        for path, name in [(POOL, '<grpcpp/grpcpp.h>'), (PROXY, '<grpcpp/grpcpp.h>'), (ENGINE, '<boost/asio.hpp>'),
                           (ENGINE, '<sqlite3.h>'), ('cli/a.cc', '<CLI/CLI.hpp>'), (POOL, '<mutex>'),
                           (POOL, '"keyd/base/log.h"'), (PROXY, '"keyd/base/settings_parts.h"'),
                           (PROXY, '"session.h"')]:
            self.assertTrue(self.messages(path, name), f'{path} {name}')

    def test_circle_fires_once_and_names_the_way(self):
        files = {'keyd/a.h': '#include "keyd/b.h"\n', 'keyd/b.h': '\n#include "keyd/c.h"\n',
                 'keyd/c.h': '#include "keyd/a.h"\n', 'keyd/d.h': '#include "keyd/a.h"\n#include "keyd/b.h"\n'}
        self.assertEqual(list(includes.cycles(files)), [
            ('keyd/c.h', 1, 'includes go round: keyd/a.h -> keyd/b.h -> keyd/c.h -> keyd/a.h')])
        self.assertEqual(list(includes.cycles({'keyd/a.h': '#include "keyd/b.h"\n', 'keyd/b.h': ''})), [])


class Commands(unittest.TestCase):
    def test_flags_are_kept_without_input_output_and_precompiled_header(self):
        command = ('/usr/bin/ccache c++ -I/x -DA=1 -fsanitize=address -std=c++20 -Winvalid-pch -include pch.hxx '
                   '-MD -MT o -MF d -o o -c a.cc')
        self.assertEqual(headers_alone.flags_of(command), ['/usr/bin/ccache', 'c++', '-I/x', '-DA=1', '-std=c++20'])

    def test_folder_without_flags_takes_those_above(self):
        self.assertEqual(headers_alone.nearest({'a': ['f'], 'a/b/c': ['g']}, 'a/b'), ['f'])
        self.assertIsNone(headers_alone.nearest({'a/b': ['f']}, 'c'))

    def test_object_file_leads_to_its_source(self):
        import pathlib
        build = pathlib.Path('/b')
        self.assertEqual(checked_access.source_of(build, build / 'keyd/base/CMakeFiles/keypool_base.dir/log.cc.o'),
                         'keyd/base/log.cc')


class CheckedAccess(unittest.TestCase):
    """On real object files: the symbols are the compiler's business."""

    def violations(self, expression):
        import pathlib
        import subprocess
        import tempfile
        with tempfile.TemporaryDirectory() as folder:
            build = pathlib.Path(folder)
            out = build / 'keyd' / 'x.dir'
            out.mkdir(parents=True)
            (build / 'a.cc').write_text('#include <optional>\n#include "absl/status/statusor.h"\n'
                                        'struct I { int v; const int& value() const { return v; } };\n'
                                        f'int F(I i, std::optional<int> o, absl::StatusOr<int> s) {{ {expression} }}\n')
            subprocess.run(['c++', '-std=c++20', '-O2', '-c', build / 'a.cc', '-o', out / 'a.cc.o'], check=True)
            return list(checked_access.check(build))

    def test_value_of_optional_and_status_or_fires(self):
        self.assertTrue(self.violations('return o.value();'))
        self.assertTrue(self.violations('return s.value();'))

    def test_value_of_an_id_and_tested_access_do_not(self):
        self.assertEqual(self.violations('return i.value() + (o ? *o : 0) + (s.ok() ? *s : 0) + o.value_or(1);'), [])


if __name__ == '__main__':
    unittest.main()
