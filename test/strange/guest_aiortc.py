"""aiortc as a guest: JSON lines in and out, see README.md."""
import asyncio
import json
import sys

from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp


def say(**line):
    print(json.dumps(line), flush=True)


class Guest:
    def __init__(self):
        self.pc = RTCPeerConnection()
        self.first = None
        self.pc.on("connectionstatechange", lambda: say(state=self.pc.connectionState))
        self.pc.on("datachannel", self.keep)
        self.pc.on("track", lambda track: asyncio.ensure_future(self.count(track)))

    def keep(self, channel):
        self.first = self.first or channel

        def on_message(message):
            if isinstance(message, str):
                say(channel=channel.label, event="message", text=message)
            else:
                say(channel=channel.label, event="message", bytes=len(message), good=message == pattern(len(message)))

        channel.on("message", on_message)
        channel.on("close", lambda: say(channel=channel.label, event="close"))
        if channel.readyState == "open":
            say(channel=channel.label, event="open")
        else:
            channel.on("open", lambda: say(channel=channel.label, event="open"))

    async def count(self, track):
        n = 0
        while True:
            await track.recv()
            n += 1
            if n in (5, 20):
                say(packets=n, kind=track.kind)

    async def describe(self, description):
        await self.pc.setLocalDescription(description)
        say(type=self.pc.localDescription.type, sdp=self.pc.localDescription.sdp)

    async def take(self, line):
        if line.get("type") == "offer":
            await self.pc.setRemoteDescription(RTCSessionDescription(line["sdp"], "offer"))
            await self.describe(await self.pc.createAnswer())
        elif line.get("type") == "answer":
            await self.pc.setRemoteDescription(RTCSessionDescription(line["sdp"], "answer"))
        elif "candidate" in line:
            if line["candidate"]:
                candidate = candidate_from_sdp(line["candidate"].split(":", 1)[1])
                candidate.sdpMLineIndex = 0
                candidate.sdpMid = self.pc.getTransceivers()[0].mid if self.pc.getTransceivers() else "0"
                await self.pc.addIceCandidate(candidate)
        elif "open" in line:
            self.keep(self.pc.createDataChannel(line["open"]))
        elif "media" in line:
            self.pc.addTrack(AudioStreamTrack())
            self.pc.addTrack(VideoStreamTrack())
        elif "offer" in line:
            await self.describe(await self.pc.createOffer())
        elif "send" in line:
            self.first.send(line["send"] if isinstance(line["send"], str) else pattern(line["send"]))
        elif "bye" in line:
            await self.pc.close()
            return False
        return True


def pattern(n):
    return bytes(i * 7 & 255 for i in range(n))


async def main():
    guest = Guest()
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while True:
        line = await reader.readline()
        if not line or not await guest.take(json.loads(line)):
            break


asyncio.run(main())
