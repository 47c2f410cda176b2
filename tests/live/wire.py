"""A session of root's at a server's socket, in the protocol itself: to start a client for each piece of SQL costs more
than what the servers do with it."""
import os
import re
import socket
import struct
from itertools import islice

from software import Problem

# LONG_PASSWORD, LONG_FLAG, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, MULTI_RESULTS, PLUGIN_AUTH
CAPABILITIES = 0x1 | 0x4 | 0x200 | 0x2000 | 0x8000 | 0x20000 | 0x80000
COLLATIONS = {False: 255, True: 45}  # of utf8mb4, as the server's own client has it
MORE_RESULTS = 0x8
ESCAPED = {0: "\\0", 9: "\\t", 10: "\\n", 92: "\\\\"}  # as the clients do in batches
PIECE = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`|/\*.*?\*/|(--(?=\s|$)[^\n]*|\#[^\n]*)|(;)|[^'"`/#;-]+|.""",
                   re.S)


def statements(text):
    """What stands between semicolons, without comments that end with their line."""
    found = [""]
    for piece in PIECE.finditer(text):
        if piece[2]:
            found.append("")
        elif not piece[1]:
            found[-1] += piece[0]
    return [statement for statement in map(str.strip, found) if statement]


def number_at(packet, at):
    """-> a number, None for what stands for NULL, and where it ends."""
    first, size = packet[at], {0xfc: 2, 0xfd: 3, 0xfe: 8}.get(packet[at], 0)
    end = at + 1 + size
    return int.from_bytes(packet[at + 1:end], "little") if size else None if first == 0xfb else first, end


def fields(packet):
    at = 0
    while at < len(packet):
        length, at = number_at(packet, at)
        yield None if length is None else packet[at:at + length]
        at += length or 0


def shown(field):
    return "NULL" if field is None else field.decode(errors="replace").translate(ESCAPED)


class Session:
    def __init__(self, folder, seconds=120):
        """folder: where the socket is. Its path may be too long for an address. seconds: for each wait."""
        self.number, self.socket = 0, socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.input = self.socket.makefile("rb")
        try:
            file = os.open(folder, os.O_PATH | os.O_DIRECTORY)
            try:
                self.socket.connect(f"/proc/self/fd/{file}/sock")
            finally:
                os.close(file)
            greeting = self.receive()
            plugin, collation = greeting[:-1].rpartition(b"\0")[2], COLLATIONS[b"MariaDB" in greeting]
            # Without a password nothing is answered, whatever a plugin asks.
            self.send(struct.pack("<IIB23x", CAPABILITIES, 1 << 24, collation) + b"root\0\0" + plugin + b"\0")
            if self.receive()[0] == 0xfe:
                self.send(b"")
                self.receive()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.input.close()
        self.socket.close()

    def send(self, payload):
        self.socket.sendall(len(payload).to_bytes(3, "little") + bytes([self.number]) + payload)

    def read(self, size):
        data = self.input.read(size)
        if len(data) < size:
            raise ConnectionError("the server has ended the session")
        return data

    def receive(self):
        """A packet; an error in it is raised."""
        packet, size = b"", 0xffffff
        while size == 0xffffff:
            head = self.read(4)
            size, self.number = int.from_bytes(head[:3], "little"), (head[3] + 1) % 256
            packet += self.read(size)
        if packet[0] == 0xff:
            number, told = struct.unpack_from("<H", packet, 1)[0], packet[3:].decode(errors="replace")
            state, text = (told[1:6], told[6:]) if told[0] == "#" else ("HY000", told)
            raise Problem(f"ERROR {number} ({state}): {text}")
        return packet

    def receive_until_end(self):
        """-> the packets before one that ends them, and that one's status."""
        packets = []
        while True:
            packet = self.receive()
            if packet[0] == 0xfe and len(packet) < 9:
                return packets, struct.unpack_from("<H", packet, 3)[0]
            packets.append(packet)

    def ask(self, statement):
        """-> the names of the columns, and the rows."""
        self.number = 0
        self.send(b"\3" + statement.encode())
        names, rows, status = [], [], MORE_RESULTS
        while status & MORE_RESULTS:
            head = self.receive()
            if head[0] == 0:  # no rows; how many were changed, and the last number given to one
                status = struct.unpack_from("<H", head, number_at(head, number_at(head, 1)[1])[1])[0]
            else:
                names = [list(islice(fields(column), 5))[4].decode() for column in self.receive_until_end()[0]]
                more, status = self.receive_until_end()
                rows += [[shown(field) for field in fields(row)] for row in more]
        return names, rows
