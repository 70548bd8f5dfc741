"""The rules over one file. Each yields (line, message); a message names what to use instead."""

import re

from cpp_text import code_only, functions, line_of, matching

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

# Where the bytes of a secret may be looked at: the type itself, the head that goes to Google, what masks them in
# answers, the wire encoder, the store's codec, the policy's index of hashes, and where a client's token is shown once.
REVEAL_ALLOWED = {
    'keyd/base/secret.h', 'keyd/base/secret.cc', 'keyd/base/token.cc', 'proxy/headers.cc', 'proxy/redact.cc',
    'keyd/wire/lease_answer.cc', 'keyd/wire/admin_request.cc', 'keyd/wire/client_token_wire.cc', 'keyd/store/codec.cc',
    'keyd/store/sealer.h', 'keyd/store/sealer.cc', 'keyd/master_key.cc',
    'keyd/policy/secret_index.cc', 'cli/token_output.cc', 'keyd/store/audit_chain.cc', 'keyd/store/audit_codec.cc',
}

CLOCK = 'keyd/base/clock.cc'
# The only ones that write to the standard streams: the log, a failed assertion, poolctl's console, and every
# program's main.
STREAM_WRITERS = {'keyd/base/log.cc', 'keyd/base/assert.cc', 'cli/console.cc'}


def is_production(path):
    return path.startswith(('keyd/', 'proxy/', 'cli/'))


def is_test(path):
    return path.startswith('tests/')


def is_main(path):
    return path.endswith('/main.cc')


class Ban:
    """A call that is not to be made, where, and what to use instead."""

    def __init__(self, pattern, instead, applies):
        self.pattern = re.compile(pattern)
        self.instead = instead
        self.applies = applies

    def __call__(self, path, code):
        if self.applies(path):
            for match in self.pattern.finditer(code):
                call = match.group(0).strip().rstrip('(')
                yield line_of(code, match.start()), f'{call}: {self.instead}'


BANS = [
    Ban(r'\babsl::Now\s*\(|\b(?:steady|system|high_resolution)_clock::now\b|\bclock_gettime\s*\(|\bgettimeofday\s*\('
        r'|(?<![\w.>:])(?:std::)?time\s*\(\s*(?:nullptr|NULL|0|&)',
        'take a Clock or a Now as argument; only keyd/base/clock.cc reads the time',
        lambda path: path != CLOCK and not path.startswith('tests/bench/')),
    Ban(r'\bsleep_for\b|\bsleep_until\b|\babsl::SleepFor\b|(?<![\w.>])(?:usleep|nanosleep|sleep)\s*\(',
        'wait for the condition itself, with a deadline (CondVar::WaitFor, a timer, poll)', lambda path: True),
    Ban(r'(?<![\w.>:])(?:std::)?s?rand\s*\(', 'take an absl::BitGenRef as argument, so that a seed can be given',
        lambda path: True),
    Ban(r'\bstd::c(?:err|out|log)\b|(?<![\w.>:])(?:std::)?(?:f?printf|puts|fputs|perror)\s*\(',
        'use keypool::log; poolctl writes through cli/console.h',
        lambda path: is_production(path) and not is_main(path) and path not in STREAM_WRITERS),
    Ban(r'\bReveal\s*\(', 'a secret is looked at in few files only (REVEAL_ALLOWED in tests/lint/rules.py); pass '
        'the Secret on', lambda path: is_production(path) and path not in REVEAL_ALLOWED),
    Ban(r'\babsl::(?:Mutex|MutexLock|CondVar|ReaderMutexLock|WriterMutexLock)\b',
        'use keypool::Mutex (keyd/base/mutex.h), which ThreadSanitizer sees', lambda path: True),
    Ban(r'\bstd::(?:recursive_|shared_)?(?:timed_)?mutex\b|\bstd::condition_variable\b',
        'use keypool::Mutex (keyd/base/mutex.h), which Clang can check',
        lambda path: is_production(path) and path != 'keyd/base/mutex.h'),
    Ban(r'\bSystemClock\s*\(', 'policy and store are handed the time as an argument',
        lambda path: path.startswith(('keyd/policy/', 'keyd/store/'))),
    Ban(r'\bGTEST_SKIP\b|\bDISABLED_\w+', 'a test that does not run proves nothing; mend it or remove it', is_test),
]


def captures_in_co_await(_path, code):
    """GCC 12 frees the captures of a lambda inside a co_await expression twice."""
    for match in re.finditer(r'\bco_await\b', code):
        i = match.end()
        while i < len(code) and code[i] not in ';{}':
            if code[i] == '(':
                inside = code[i + 1:matching(code, i)]
                for lambda_at in re.finditer(r'(?<![\w)\]\[])\s*\[(?!\[)([^\[\]]+)\]\s*(?:\(|\{|mutable\b|<)', inside):
                    if not re.search(r'[\w)\]]$', inside[:lambda_at.start()]):
                        yield (line_of(code, i + 1 + inside.index('[', lambda_at.start())),
                               'a capturing lambda inside a co_await expression is freed twice by GCC 12: name it first')
                i = matching(code, i)
            i += 1


def long_functions(_path, code):
    for function in functions(code):
        if function.lines > FUNCTION_LINES_MAX:
            yield function.first_line, (f'{function.name} has {function.lines} lines, over {FUNCTION_LINES_MAX}: '
                                        'take a step of it out into a function with a name')


def long_file(_path, text):
    lines = text.count('\n')
    if lines > FILE_LINES_MAX:
        yield 1, f'{lines} lines, over {FILE_LINES_MAX}: split it where a reader would'


def pragma_once(path, code):
    if path.endswith('.h') and not re.match(r'\s*#pragma once\n', code):
        yield 1, 'a header starts with #pragma once, after its comment'


_LEFT_OPEN = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX|HA' r'CK)\b')


def left_open(_path, text):
    for match in _LEFT_OPEN.finditer(text):
        yield line_of(text, match.start()), f'{match.group(1)}: finish it, or open an issue and say nothing here'


CODE_RULES = [*BANS, captures_in_co_await, long_functions, pragma_once]
TEXT_RULES = [long_file, left_open]


def check_file(path, text):
    """Every violation in one file, as (line, message), in the order of lines."""
    found = [hit for rule in TEXT_RULES for hit in rule(path, text)]
    if path.endswith(('.h', '.cc')):
        code = code_only(text)
        found += [hit for rule in CODE_RULES for hit in rule(path, code)]
    return sorted(found)
