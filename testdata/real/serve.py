"""The servers of the recorded cases. Usage: serve.py KIND [ARGUMENT...]; each serves until it is killed."""

import base64
import http.server
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time


class Dual(socketserver.ThreadingTCPServer):
    """Any address of both versions of IP."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


def context(pem):
    """TLS with a certificate and key from one file."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pem)
    return made


class Web(http.server.BaseHTTPRequestHandler):
    """Takes everything, answers little; `busy` uploads are refused first."""

    protocol_version = "HTTP/1.1"
    busy = 0
    hold = 0.0

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            got = b""
            while size := int(self.rfile.readline(), 16):
                got += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return got
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def say(self, status, text, kind="text/plain", more=()):
        data = text.encode()
        self.send_response(status)
        for name, value in more:
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_GET(self):
        if self.path == "/ip":
            self.say(200, self.client_address[0].removeprefix("::ffff:"))
        elif self.path.startswith("/task"):
            time.sleep(Web.hold)
            self.say(200, "")
        elif self.path.startswith("/update"):
            self.say(200, "nochg")
        elif self.path == "/":
            page = "<!DOCTYPE html><html><head><title>Example</title></head><body>" + "<p>A page.</p>" * 60 + "</body></html>"
            self.say(200, page, "text/html; charset=utf-8", [("Set-Cookie", "visit=invented; Path=/; HttpOnly")])
        else:
            self.say(200, "<html><body>ok</body></html>", "text/html")

    def do_POST(self):
        self.body()
        if Web.busy > 0:
            Web.busy -= 1
            self.say(503, "busy")
        elif self.path == "/login":
            self.say(302, "", more=[("Location", "/"), ("Set-Cookie", "session=invented; Path=/; HttpOnly")])
        elif "json" in self.headers.get("Content-Type", ""):
            self.say(200, '{"ok":true}', "application/json")
        else:
            self.say(200, "ok")

    def do_PUT(self):
        self.body()
        self.say(201, "created")

    def log_message(self, *_):
        pass


def web(port, pem="", busy="0", hold="0"):
    Web.busy, Web.hold = int(busy), float(hold)

    class Server(Dual, http.server.HTTPServer):
        pass

    server = Server(("::", int(port)), Web)
    if pem:
        server.socket = context(pem).wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def mail(port, pem=""):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Box:
        async def handle_DATA(self, _server, _session, _envelope):
            return "250 2.0.0 Ok: queued"

    tls = context(pem) if pem else None
    controller = Controller(
        Box(), hostname="0.0.0.0", port=int(port), server_hostname="mail.example", tls_context=tls, require_starttls=bool(pem),
        auth_required=True, auth_require_tls=bool(pem), authenticator=lambda *_: AuthResult(success=True),
    )
    controller.start()
    threading.Event().wait()


def files(port, folder):
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer

    users = DummyAuthorizer()
    users.add_user("erika", "example-password", folder, perm="elradfmwMT")
    FTPHandler.authorizer = users
    FTPHandler.banner = "Example FTP"
    FTPServer(("0.0.0.0", int(port)), FTPHandler).serve_forever()


def framed(port):
    """Reads a length and as many bytes, says OK."""

    class Take(socketserver.StreamRequestHandler):
        def handle(self):
            (size,) = struct.unpack("<I", self.rfile.read(4))
            self.rfile.read(size)
            self.wfile.write(b"OK")

    Dual(("::", int(port)), Take).serve_forever()


def secret(port, pem):
    """Control over TLS: answers each message with a short one."""

    class Take(socketserver.BaseRequestHandler):
        def handle(self):
            with context(pem).wrap_socket(self.request, server_side=True) as inner:
                while data := inner.recv(65536):
                    if len(data) < 100:
                        inner.send(b"pong" + os.urandom(12))

    Dual(("::", int(port)), Take).serve_forever()


def shell(port):
    """Gives commands to whoever connects, and reads what they say."""

    class Take(socketserver.BaseRequestHandler):
        def handle(self):
            for command in ("id", "hostname", "ls", "cat notes.txt", "cat notes.txt | wc -c", "exit"):
                time.sleep(2)
                self.request.send(command.encode() + b"\n")
                self.request.settimeout(1)
                try:
                    while self.request.recv(65536):
                        pass
                except TimeoutError:
                    pass

    Dual(("::", int(port)), Take).serve_forever()


def tunnel(address):
    """A name server for TXT: answers each question with a few coded bytes."""
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.bind((address, 53))
    while True:
        question, peer = box.recvfrom(4096)
        end = 12
        while question[end]:
            end += 1 + question[end]
        end += 5
        text = base64.b64encode(os.urandom(24))
        answer = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 1, len(text) + 1) + bytes([len(text)]) + text
        box.sendto(question[:2] + b"\x85\x80\0\1\0\1\0\0\0\0" + question[12:end] + answer, peer)


def chat(port):
    import asyncio

    import websockets

    async def answer(socket):
        async for message in socket:
            await socket.send("echo: " + message[:200])

    async def run():
        async with websockets.serve(answer, None, int(port)):
            await asyncio.Future()

    asyncio.run(run())


def logs(port):
    """What the handler for sockets of Python's logging talks to."""

    class Take(socketserver.StreamRequestHandler):
        def handle(self):
            while head := self.rfile.read(4):
                self.rfile.read(struct.unpack(">L", head)[0])

    Dual(("::", int(port)), Take).serve_forever()


KINDS = {each.__name__: each for each in (web, mail, files, framed, secret, shell, tunnel, chat, logs)}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
