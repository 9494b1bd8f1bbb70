// libwebrtc, by its binding for node, @roamhq/wrtc: see drive.mjs. It takes frames, not packets, of media, so
// that is not measured.
import { readFileSync } from 'node:fs';
import wrtc from '@roamhq/wrtc';
import { drive } from './drive.mjs';

const { version } = JSON.parse(readFileSync(new URL('node_modules/@roamhq/wrtc/package.json', import.meta.url), 'utf8'));

function wrap(channel) {
  let call = null;
  const early = [];
  channel.binaryType = 'arraybuffer';
  channel.onmessage = ({ data }) => {
    const m = Buffer.from(data);
    if (call) call(m); else early.push(m);
  };
  return {
    send: bytes => channel.send(bytes),
    buffered: () => channel.bufferedAmount,
    onLow: (low, low_call) => { channel.bufferedAmountLowThreshold = low; channel.onbufferedamountlow = low_call; },
    onMessage: c => { call = c; for (const m of early.splice(0)) c(m); },
  };
}

const whenOpen = channel => new Promise(done => {
  const wrapped = wrap(channel);
  if (channel.readyState === 'open') done(wrapped); else channel.onopen = () => done(wrapped);
});

function open(role, pipe, isUnreliable) {
  const pc = new wrtc.RTCPeerConnection();
  pc.onicecandidate = ({ candidate }) => {
    if (candidate) pipe.signal({ candidate: candidate.candidate, sdpMLineIndex: candidate.sdpMLineIndex });
  };
  const describe = async d => { await pc.setLocalDescription(d); pipe.signal({ type: d.type, sdp: d.sdp }); };
  let turn = Promise.resolve();
  const take = async m => {
    if (!m.sdp) { await pc.addIceCandidate(m); return; }
    await pc.setRemoteDescription(m);
    if (m.type === 'offer') await describe(await pc.createAnswer());
  };
  let opened;
  if (role === 'caller') {
    opened = whenOpen(pc.createDataChannel('bench', isUnreliable ? { ordered: false, maxRetransmits: 0 } : {}));
    turn = pc.createOffer().then(describe);
  } else {
    opened = new Promise(done => { pc.ondatachannel = e => done(whenOpen(e.channel)); });
  }
  pipe.listen(m => { turn = turn.then(() => take(m)).catch(e => { console.error(String(e)); process.exit(1); }); });
  return { opened, close: () => pc.close() };
}

await drive({ name: 'libwebrtc', version: `of its node binding ${version}`, open, high: Number(process.env.WEIR_BENCH_AHEAD ?? 1 << 20) });
