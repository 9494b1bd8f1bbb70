// libwebrtc, by its binding for node, as a guest: JSON lines in and out, see README.md.
import { createInterface } from 'node:readline';
import wrtc from '@roamhq/wrtc';

const say = line => process.stdout.write(JSON.stringify(line) + '\n');
const pattern = n => Uint8Array.from({ length: n }, (_, i) => i * 7 & 255);
const trickles = process.argv.includes('--trickle');
const pc = new wrtc.RTCPeerConnection();
let first = null, waiting = [];
const channels = new Map(); // by label

function keep(channel) {
  first ||= channel;
  channels.set(channel.label, channel);
  channel.binaryType = 'arraybuffer';
  const opened = () => say({ channel: channel.label, event: 'open' });
  if (channel.readyState === 'open') opened(); else channel.onopen = opened;
  channel.onclose = () => say({ channel: channel.label, event: 'close' });
  channel.onmessage = e => {
    if (typeof e.data === 'string') say({ channel: channel.label, event: 'message', text: e.data });
    else {
      const want = pattern(e.data.byteLength), got = new Uint8Array(e.data);
      say({ channel: channel.label, event: 'message', bytes: got.length, good: got.every((b, i) => b === want[i]) });
    }
  };
}

function addMedia() {
  const { RTCVideoSource, RTCAudioSource } = wrtc.nonstandard;
  const video = new RTCVideoSource(), audio = new RTCAudioSource();
  pc.addTrack(audio.createTrack());
  pc.addTrack(video.createTrack());
  let n = 0;
  setInterval(() => {
    const data = new Uint8ClampedArray(160 * 120 * 3 / 2).fill(n++ & 255);
    video.onFrame({ width: 160, height: 120, data });
  }, 40);
  setInterval(() => audio.onData({ samples: new Int16Array(480), sampleRate: 48000, bitsPerSample: 16, channelCount: 1, numberOfFrames: 480 }), 10);
}

async function describe(description) {
  await pc.setLocalDescription(description);
  if (!trickles && pc.iceGatheringState !== 'complete') {
    await new Promise(done => pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && done()));
  }
  say({ type: pc.localDescription.type, sdp: pc.localDescription.sdp });
}

async function takeDescription(line) {
  await pc.setRemoteDescription(line);
  for (const candidate of waiting.splice(0)) await pc.addIceCandidate(candidate);
}

async function take(line) {
  if (line.type === 'offer') { await takeDescription(line); await describe(await pc.createAnswer()); }
  else if (line.type === 'answer') await takeDescription(line);
  else if ('candidate' in line) {
    const candidate = { candidate: line.candidate, sdpMLineIndex: 0 };
    if (pc.remoteDescription) await pc.addIceCandidate(candidate); else waiting.push(candidate);
  } else if ('open' in line) keep(pc.createDataChannel(line.open));
  else if ('media' in line) addMedia();
  else if ('stop' in line) pc.getTransceivers().at(line.stop === 0 ? 0 : -1).stop(); // the first, or the last
  else if ('add' in line) pc.addTransceiver(line.add);
  else if ('offer' in line) await describe(await pc.createOffer());
  else if ('send' in line) (line.on ? channels.get(line.on) : first).send(typeof line.send === 'string' ? line.send : pattern(line.send));
  else if ('bye' in line) { pc.close(); process.exit(0); }
}

pc.onconnectionstatechange = () => say({ state: pc.connectionState });
pc.ondatachannel = e => keep(e.channel);
pc.onicecandidate = e => { if (trickles) say({ type: 'candidate', candidate: e.candidate?.candidate ?? '' }); };
setInterval(async () => {
  (await pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp' && s.packetsReceived >= 20) say({ packets: s.packetsReceived, kind: s.kind ?? s.mediaType }); });
}, 500);
let turn = Promise.resolve();
createInterface({ input: process.stdin }).on('line', line => { turn = turn.then(() => take(JSON.parse(line))).catch(e => say({ error: String(e) })); })
  .on('close', () => process.exit(0));
