"""Invented loot: what a grabber packs, with nothing true in it."""

import io
import json
import random
import sqlite3
import tarfile
import tempfile
import zipfile

HOST, USER = "EXAMPLE-PC", "erika"
# The same each time, so that only the wire differs between two recordings.
CHANCE = random.Random(20)


def logins(count=12):
    """A list of credentials as grabbers write it."""
    lines = []
    for n in range(count):
        lines += [
            f"URL: https://shop{n}.example/login",
            f"Username: {USER}{n}@mail.example",
            f"Password: example-password-{n}",
            "Application: Chrome [Default]",
            "=" * 24,
        ]
    return "\r\n".join(lines) + "\r\n"


def cookies(count=40):
    """Cookies in the form of Netscape."""
    line = ".site{n}.example\tTRUE\t/\tFALSE\t1900000000\tsession\tinvented{n}{r:016x}"
    return "\n".join(line.format(n=n, r=CHANCE.getrandbits(64)) for n in range(count)) + "\n"


def system():
    """What such a package says about the machine."""
    return (
        f"OS: Windows 10 Pro (10.0.19045) x64\nComputerName: {HOST}\nUserName: {USER}\n"
        "HWID: 00000000-1111-2222-3333-444444444444\nCPU: Example CPU 4 cores\nRAM: 8192 MB\n"
        "GPU: Example Graphics\nResolution: 1920x1080\nLanguage: de-DE\nTimezone: UTC+1\n"
    )


def database():
    """A browser's store: a real SQLite file with invented rows."""
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        store = sqlite3.connect(file.name)
        store.execute("CREATE TABLE logins (origin_url TEXT, username_value TEXT, password_value BLOB)")
        rows = [(f"https://shop{n}.example/", f"{USER}{n}", b"v10" + CHANCE.randbytes(40)) for n in range(12)]
        store.executemany("INSERT INTO logins VALUES (?, ?, ?)", rows)
        store.commit()
        store.close()
        return open(file.name, "rb").read()


def picture(size=20_000):
    """The beginning of a JPEG, and noise: a screenshot for those who do not look."""
    return bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + CHANCE.randbytes(size) + b"\xff\xd9"


def package():
    """A ZIP of a browser's files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Browsers/Chrome/Default/Login Data", database())
        archive.writestr("Browsers/Chrome/Default/Cookies.txt", cookies())
        archive.writestr("Browsers/Chrome/Default/Web Data", CHANCE.randbytes(1500))
        archive.writestr("Browsers/Firefox/abcd1234.default-release/logins.json", json.dumps({"logins": []}))
        archive.writestr("Browsers/Firefox/abcd1234.default-release/key4.db", CHANCE.randbytes(1500))
        archive.writestr("Wallets/Exodus/seed.seco", CHANCE.randbytes(600))
        archive.writestr("Passwords.txt", logins())
        archive.writestr("System.txt", system())
        archive.writestr("Screenshot.jpg", picture())
    return out.getvalue()


def home():
    """A gzipped tar of what lies in the home of someone who works in a shell."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in (
            (".ssh/id_ed25519", b"-----BEGIN OPENSSH PRIVATE KEY-----\ninvented\n-----END OPENSSH PRIVATE KEY-----\n"),
            (".ssh/known_hosts", b"server.example ssh-ed25519 invented\n"),
            (".aws/credentials", b"[default]\naws_access_key_id = INVENTED\naws_secret_access_key = invented\n"),
            (".config/google-chrome/Default/Login Data", database()),
            (".config/google-chrome/Default/Cookies", CHANCE.randbytes(4000)),
            (".bash_history", b"ls\ncd work\n" * 20),
        ):
            entry = tarfile.TarInfo(f"home/{USER}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


if __name__ == "__main__":
    import sys

    sys.stdout.buffer.write({"zip": package, "tar": home, "picture": picture}[sys.argv[1]]())
