#!/usr/bin/env python3
"""deploy/make-local-ca: what it makes is trusted by who trusts its authority, and by nobody else."""

import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / 'deploy/make-local-ca'


def make(folder, *arguments):
    return subprocess.run([SCRIPT, '--dir', folder, *arguments], capture_output=True, text=True, check=False)


def handshake(folder, name, authority):
    """True when a client that trusts `authority` accepts the certificate for `name`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / 'server.pem', folder / 'server-key.pem')
    ours, theirs = socket.socketpair()

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        ssl.create_default_context(cafile=authority).wrap_socket(ours, server_hostname=name).close()
        return True
    except ssl.SSLCertVerificationError:
        ours.close()
        return False
    finally:
        thread.join()


class MakeLocalCa(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name) / 'tls'

    def test_every_name_is_good_and_no_other(self):
        made = make(self.folder, 'pool.example', '*.pool.example', '10.0.0.7')
        self.assertEqual(made.returncode, 0, made.stderr)
        authority = self.folder / 'ca.pem'
        for name in ['localhost', '127.0.0.1', '::1', 'pool.example', 'a.pool.example', '10.0.0.7']:
            self.assertTrue(handshake(self.folder, name, authority), name)
        for name in ['example', '10.0.0.8', 'a.b.pool.example']:
            self.assertFalse(handshake(self.folder, name, authority), name)
        for key in ['ca-key.pem', 'server-key.pem']:
            self.assertEqual((self.folder / key).stat().st_mode & 0o777, 0o600)
        for told in ['TLS_CERT_FILE', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'truststore']:
            self.assertIn(told, made.stdout)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()),
                         ['ca-key.pem', 'ca.pem', 'server-key.pem', 'server.pem'])

    def test_again_keeps_the_authority(self):
        self.assertEqual(make(self.folder).returncode, 0)
        authority = (self.folder / 'ca.pem').read_bytes()
        certificate = (self.folder / 'server.pem').read_bytes()
        self.assertEqual(make(self.folder, 'new.example').returncode, 0)
        self.assertEqual((self.folder / 'ca.pem').read_bytes(), authority)
        self.assertNotEqual((self.folder / 'server.pem').read_bytes(), certificate)
        self.assertTrue(handshake(self.folder, 'new.example', self.folder / 'ca.pem'))

    def test_wrong_usage(self):
        for wrong in [['a b'], ['DNS:x,IP:y'], ['--what'], ['--dir']]:
            done = subprocess.run([SCRIPT, *wrong], capture_output=True, text=True, check=False, cwd='/')
            self.assertEqual(done.returncode, 2, wrong)
            self.assertNotEqual(done.stderr, '')


if __name__ == '__main__':
    unittest.main()
