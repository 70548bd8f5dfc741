"""The order of rooms, on the includes: who may see whom, who may see which library, and no cycles."""

import re

# A room may include itself and these.
ROOMS = {
    'proto': set(),
    'base': set(),
    'policy': {'base'},
    'store': {'base', 'policy'},
    'leader': {'base', 'policy', 'store'},
    'engine': {'base', 'policy', 'store', 'leader'},
    'wire': {'base', 'proto'},
    'rpc': {'base', 'policy', 'store', 'leader', 'engine', 'proto', 'wire'},
    'client': {'base', 'proto', 'wire'},
    'keyd': {'base', 'policy', 'store', 'leader', 'engine', 'proto', 'wire', 'rpc'},  # main.cc and config
    'proxy': {'base', 'client'},
    'cli': {'base', 'client'},
}

# Headers of a library, and the only rooms that include them.
LIBRARIES = [
    (re.compile(r'^grpc'), {'wire', 'rpc', 'client', 'keyd', 'tests'}, 'gRPC stays behind keyd/client and keyd/rpc'),
    (re.compile(r'^google/protobuf/'), {'wire', 'rpc', 'client', 'tests'}, 'messages become plain types in keyd/wire'),
    (re.compile(r'^boost/(?:asio|beast)'), {'proxy', 'tests'}, 'only the proxy speaks HTTP'),
    (re.compile(r'^boost/json'), {'proxy', 'cli', 'tests'}, 'keyd speaks protobuf'),
    (re.compile(r'^sqlite3'), {'store', 'tests'}, 'SQLite stays inside keyd/store'),
    (re.compile(r'^CLI/'), {'base', 'tests'}, 'declare settings with keyd/base/settings.h'),
    (re.compile(r'^(?:mutex|thread|condition_variable|fstream|iostream|atomic|future)$'),
     set(ROOMS) - {'policy', 'proto'} | {'tests'}, 'policy is pure: no lock, thread or I/O'),
]
POLICY_MAY_NOT_SEE = {'keyd/base/log.h', 'keyd/base/mutex.h', 'keyd/base/settings.h', 'keyd/base/state_dir.h'}
# Inside of keyd/base: others use the header that it belongs to.
INNER_HEADERS = {'keyd/base/settings_parts.h': 'keyd/base/settings.h', 'keyd/base/log_format.h': 'keyd/base/log.h'}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path):
    if path.startswith('keypool/v1/'):
        return 'proto'
    parts = path.split('/')
    if parts[0] == 'keyd':
        return parts[1] if len(parts) > 2 else 'keyd'
    return parts[0]


def includes(text):
    """(line, name, whether it is in quotes) of every include."""
    for match in _INCLUDE.finditer(text):
        yield text.count('\n', 0, match.start()) + 1, match.group(2), match.group(1) == '"'


def is_ours(name):
    return name.startswith(('keyd/', 'proxy/', 'cli/', 'tests/', 'keypool/v1/'))


def check_file(path, text):
    """Violations in one file, as (line, message)."""
    room = room_of(path)
    for line, name, quoted in includes(text):
        if is_ours(name):
            seen = room_of(name)
            if room != 'tests' and seen != room and seen not in ROOMS.get(room, set()):
                allowed = ', '.join(sorted(ROOMS.get(room, set()))) or 'no other room'
                yield line, f'{room} may not include {name} of {seen}; it may see {allowed}'
            if room == 'policy' and name in POLICY_MAY_NOT_SEE:
                yield line, f'policy is pure and may not include {name}; take what is needed as an argument'
            if name in INNER_HEADERS and room not in ('base', 'tests'):
                yield line, f'{name} is inside of keyd/base; include {INNER_HEADERS[name]}'
            continue
        if quoted and '/' not in name and room != 'proto':
            yield line, f'"{name}": include by the path from the top of the tree'
        for pattern, rooms, why in LIBRARIES:
            if pattern.match(name) and room not in rooms:
                yield line, f'{room} may not include <{name}>: {why}'


def cycles(files):
    """files: {path: text}. One (path, line, message) for each include that closes a cycle."""
    edges = {path: [(line, name) for line, name, _ in includes(text) if name in files]
             for path, text in files.items()}
    done, stack = set(), []

    def visit(path):
        stack.append(path)
        for line, name in edges[path]:
            if name in stack:
                chain = ' -> '.join(stack[stack.index(name):] + [name])
                yield path, line, f'includes go round: {chain}'
            elif name not in done:
                yield from visit(name)
        stack.pop()
        done.add(path)

    for path in sorted(files):
        if path not in done:
            yield from visit(path)
